//! Policy sets as people and operators publish, reload and roll them back.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Signal, geteuid};

use crate::installation::Installation;
use crate::program::{Ended, covenant, done, finish, page, until};

const ACME: &str = "policies/partners/acme.yaml";
const NOW: &str = "customers_per_day: 500";
const FEWER: &str = "customers_per_day: 400";
const MORE: &str = "customers_per_day: 600";
/// The user of the second person.
const NOBODY: u32 = 65_534;

/// The version in force, as the command tells it.
async fn in_force(place: &Installation) -> String {
    let shown = place.run("policy show -o json").await.with(0).json();
    shown["version"].as_str().unwrap().to_owned()
}

async fn metrics(place: &Installation) -> String {
    let (_, text) = page(place.operator(), "/metrics").await.unwrap();
    text
}

/// Runs a command as another user, who may only reach the socket; `None` where this one may not do
/// that, which is said past the harness.
async fn as_somebody_else(place: &Installation, words: &[&str]) -> Option<Ended> {
    if !geteuid().is_root() {
        let message = "WITHOUT ROOT, NO SECOND USER AGREED TO A POLICY SET\n";
        assert!(
            std::env::var_os("COVENANT_ALL_COMPONENTS").is_none(),
            "{message}"
        );
        std::io::stderr().write_all(message.as_bytes()).unwrap();
        return None;
    }
    let socket = place.path("run/administration.sock");
    for (path, mode) in [
        (place.folder().to_owned(), 0o755),
        (place.path("run"), 0o755),
        (socket, 0o666),
    ] {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut command = covenant(place.folder(), words);
    command.uid(NOBODY);
    Some(finish(command).await)
}

#[tokio::test]
async fn files_that_tighten_are_in_force_after_a_signal_and_others_never() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    let first = in_force(&place).await;
    assert!(metrics(&place).await.contains(&first));

    place.edit(ACME, NOW, MORE);
    gateway.signal(Signal::HUP);
    until("the reload is refused", async || {
        let refused = "covenant_policy_reloads_refused_total 1";
        metrics(&place).await.contains(refused)
    })
    .await;
    let (status, told) = done(place.operator(), "/reload").await.unwrap();
    assert_eq!(status, 409, "{told}");
    assert!(
        told.contains("loosens") && told.contains("covenant policy publish"),
        "{told}"
    );
    place.edit(ACME, "kind: ", "kimd: ");
    let (status, told) = done(place.operator(), "/reload").await.unwrap();
    assert_eq!(status, 409, "{told}");
    assert!(told.contains("mistake") && told.contains(&first), "{told}");
    assert_eq!(place.readiness().await, Some(200));
    assert_eq!(page(place.operator(), "/reload").await.unwrap().0, 405);

    place.edit(ACME, "kimd: ", "kind: ");
    place.edit(ACME, MORE, FEWER);
    gateway.signal(Signal::HUP);
    until("the files are in force", async || {
        in_force(&place).await != first
    })
    .await;
    let second = in_force(&place).await;
    let (status, told) = done(place.operator(), "/reload").await.unwrap();
    assert_eq!((status, told.contains(&second)), (200, true), "{told}");

    gateway.kill().await;
    let mut gateway = place.serve().await;
    assert_eq!(in_force(&place).await, second, "{}", place.said());
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    let notes = place.notes();
    let of = |what: &str| notes.iter().filter(|note| *note == what).count();
    let counts = (
        of("policy.first"),
        of("policy.reload"),
        of("policy.reload.refused"),
    );
    assert_eq!(counts, (1, 1, 2), "{notes:?}");
}

#[tokio::test]
async fn one_person_tightens_two_loosen_and_a_rollback_is_one_command() {
    let place = Installation::new().await;
    let lee = "actors = [\n    { user = \"nobody\", name = \"Lee\", roles = [\"legal\"] },\n";
    place.edit("covenant.toml", "actors = [\n", lee);
    let mut gateway = place.serve().await;
    let first = in_force(&place).await;

    place.edit(ACME, NOW, FEWER);
    let published = place.run("policy publish --because fewer").await.with(0);
    let second = in_force(&place).await;
    assert!(
        published.out.contains(&format!("{second} is in force")),
        "{published:?}"
    );
    assert!(
        published.out.contains("acme"),
        "what changes is told: {published:?}"
    );
    let again = place.run("policy publish --because fewer").await.with(0);
    assert!(again.out.contains("in force already"), "{again:?}");

    place.edit(ACME, "kind: ", "kimd: ");
    let invalid = place.run("policy publish --because wrong").await.with(3);
    assert!(invalid.err.contains("kimd"), "{invalid:?}");
    place.edit(ACME, "kimd: ", "kind: ");

    let back = place.run("policy rollback --because better").await.with(0);
    assert!(
        back.out
            .contains(&format!("{first} is proposed, not in force")),
        "{back:?}"
    );
    place
        .run(&format!("policy publish --version {first} --because x"))
        .await
        .with(1);
    assert_eq!(in_force(&place).await, second);
    let waiting = place.run("policy proposal").await.with(0);
    assert!(
        waiting.out.contains("loosens") && waiting.out.contains(&first),
        "{waiting:?}"
    );
    let agree = [
        "policy",
        "publish",
        "--version",
        &first,
        "--because",
        "agreed",
    ];
    if let Some(agreed) = as_somebody_else(&place, &agree).await {
        agreed.with(0);
        assert_eq!(in_force(&place).await, first);
        let history = place.run("policy history -o json").await.with(0).json();
        let by = history[0]["by"].as_str().unwrap();
        assert!(by.ends_with(" and Lee"), "{history:#}");
        // Back to what is tighter: one person is enough.
        place.run("policy rollback --because again").await.with(0);
        assert_eq!(in_force(&place).await, second);
    }
    let table = place.run("policy history").await.with(0);
    assert!(table.out.contains("taken at the first start"), "{table:?}");
    place.run("policy show 2020-01-01.ffff").await.with(1);
    assert_eq!(gateway.stop().await, 0);
    place.run("policy history").await.with(7);
    place.verify().await;
}
