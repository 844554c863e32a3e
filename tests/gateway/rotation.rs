//! Two client certificates of one partner: both count for a while, and the older ends by itself.

use std::time::Duration;

use covenant::terms::Principal;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use crate::caller::Version;
use crate::stand::{SERVICE, Stand};

const PAGE: &str = "/.covenant/whoami";

fn thumbprint(stand: &Stand) -> String {
    stand.certificate_of("acme").name()
}

#[tokio::test]
async fn two_certificates_overlap_and_the_older_is_refused_after_its_last_day() {
    let stand = Stand::start().await;
    let (second, new) = stand.second("acme");
    let old = thumbprint(&stand);
    let fresh = Principal::Certificate(second.certificate.thumbprint).name();
    let last = stand.clock.now().to_zoned(TimeZone::UTC).date();
    let pinned =
        format!("thumbprints: ['{fresh}']\n    ending: [{{thumbprint: '{old}', until: {last}}}]");
    stand.put_in_force(
        "partners/acme.yaml",
        "names: [acme.partners.example]",
        &pinned,
    );
    let customer = stand.subject("acme", 0).customer;
    let target = format!("/v1/customers/{customer}");
    let mut kept_open = stand.partner("acme").await;
    assert_eq!(kept_open.get(&target, SERVICE).await.status, 200);
    let mut newer = stand.connect(&new, Version::Http1).await;
    assert_eq!(newer.get(&target, SERVICE).await.status, 200);

    // The whole of its last day.
    stand.clock.advance(Duration::from_secs(11 * 3_600 + 3_500));
    let mut older = stand.partner("acme").await;
    assert_eq!(older.get(&target, SERVICE).await.status, 200);
    stand.clock.advance(Duration::from_secs(200));
    for version in [Version::Http1, Version::Http2] {
        let mut older = stand.connect(&stand.credentials("acme"), version).await;
        let refused = older.get(&target, SERVICE).await;
        assert_eq!(refused.status, 401, "{}", refused.everything());
        assert_eq!(refused.json()["code"], "client-certificate-required");
        assert!(refused.everything().contains(&last.to_string()));
    }
    let new = stand.credentials_with("acme", &second);
    let mut newer = stand.connect(&new, Version::Http1).await;
    assert_eq!(newer.get(&target, SERVICE).await.status, 200);
}

#[tokio::test]
async fn a_last_day_holds_though_the_name_in_the_certificate_is_one_of_the_contract() {
    let stand = Stand::start().await;
    let old = thumbprint(&stand);
    let yesterday = stand.clock.now().to_zoned(TimeZone::UTC).date() - 1.day();
    let ending = format!(
        "names: [acme.partners.example]\n    ending: [{{thumbprint: '{old}', until: {yesterday}}}]"
    );
    let mut open = stand.partner("acme").await;
    assert_eq!(open.get(PAGE, SERVICE).await.status, 200);
    stand.put_in_force(
        "partners/acme.yaml",
        "names: [acme.partners.example]",
        &ending,
    );
    // On a connection that is open too.
    assert_eq!(open.get(PAGE, SERVICE).await.status, 401);
    let (_, new) = stand.second("acme");
    let mut newer = stand.connect(&new, Version::Http1).await;
    assert_eq!(newer.get(PAGE, SERVICE).await.status, 200);
}
