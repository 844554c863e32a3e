//! Policy sets, by one person or two.

use super::*;
use crate::mistakes::Mistakes;
use crate::source::Folder;

const ACME: &str = "partners/acme.yaml";
const FEWER: (&str, &str, &str) = (ACME, "customers_per_day: 500", "customers_per_day: 400");
const MORE: (&str, &str, &str) = (ACME, "customers_per_day: 500", "customers_per_day: 600");

/// The shipped files with replacements of text.
fn files(edits: &[(&str, &str, &str)]) -> BTreeMap<String, String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let folder = Folder::read(&root, &mut Mistakes::new());
    let all = folder.files();
    let mut all: BTreeMap<_, _> = all
        .map(|(name, source)| (name.to_owned(), source.text().to_owned()))
        .collect();
    for (name, from, to) in edits {
        let text = all.get_mut(*name).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        *text = text.replace(from, to);
    }
    all
}

impl Fixture {
    pub(super) async fn publish(
        &self,
        actor: &Actor,
        edits: &[(&str, &str, &str)],
    ) -> Result<PolicyChanged, NotDone> {
        let request = PolicyPublish {
            files: Some(files(edits)),
            set: None,
            proof: Some("tests passed; proved".to_owned()),
            because: "it is time".to_owned(),
        };
        self.service.publish(actor, request).await
    }

    pub(super) async fn agree(
        &self,
        actor: &Actor,
        version: &str,
    ) -> Result<PolicyChanged, NotDone> {
        let request = PolicyPublish {
            files: None,
            set: Some(version.to_owned()),
            proof: None,
            because: "agreed".to_owned(),
        };
        self.service.publish(actor, request).await
    }

    async fn roll_back(&self, actor: &Actor, to: Option<&str>) -> Result<PolicyChanged, NotDone> {
        let request = PolicyRollback {
            to: to.map(str::to_owned),
            because: "it was better".to_owned(),
        };
        self.service.roll_back(actor, request).await
    }

    pub(super) fn in_force(&self) -> String {
        let rules = self.service.publishing.rules().load();
        rules.policy.version().to_owned()
    }

    /// Action and object of every act about policies.
    fn policy_acts(&self) -> Vec<(String, String)> {
        let acts = self.acts().into_iter();
        acts.filter(|(action, _, _)| action.starts_with("policy."))
            .map(|(action, _, object)| (action, object.unwrap()))
            .collect()
    }
}

#[tokio::test]
async fn one_person_tightens_at_once_and_it_is_on_record_with_its_proof() {
    let fixture = Fixture::new().await;
    let manager = actor("Mika", Role::PartnerManager);
    let changed = fixture.publish(&manager, &[FEWER]).await.unwrap();
    assert_eq!(changed.outcome, PolicyOutcome::InForce);
    assert_eq!(fixture.in_force(), changed.version);
    assert!(
        changed.comparison.contains("acme"),
        "{}",
        changed.comparison
    );
    let object = format!(
        "{} sha256:{} (tests passed; proved)",
        changed.version, changed.digest
    );
    assert_eq!(
        fixture.policy_acts(),
        [("policy.publish".to_owned(), object)]
    );
    let again = fixture.publish(&manager, &[FEWER]).await.unwrap();
    assert_eq!(
        (again.outcome, again.entry),
        (PolicyOutcome::Unchanged, None)
    );
    let history = fixture.service.policy_history(&manager).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|row| (&*row.how, &*row.by, row.in_force))
        .collect();
    let expected = [
        ("policy.publish", "Mika", true),
        ("policy.first", "the gateway", false),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn loosening_waits_for_a_second_person_who_needs_no_files_and_one_is_legal() {
    let fixture = Fixture::new().await;
    let first = fixture.in_force();
    let (manager, other) = (
        actor("Mika", Role::PartnerManager),
        actor("Nora", Role::PartnerManager),
    );
    let legal = actor("Lee", Role::Legal);
    let proposed = fixture.publish(&manager, &[MORE]).await.unwrap();
    assert_eq!(proposed.outcome, PolicyOutcome::Proposed);
    assert_eq!(fixture.in_force(), first);
    let version = proposed.version.as_str();
    assert!(fixture.publish(&manager, &[MORE]).await.is_err(), "alone");
    assert!(
        fixture.agree(&other, version).await.is_err(),
        "nobody legal"
    );
    let unknown = fixture.agree(&legal, "2020-01-01.ffff").await;
    assert!(matches!(unknown, Err(NotDone::NotFound(_))));
    let waiting = fixture
        .service
        .policy_proposal(&legal)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&*waiting.set.version, &*waiting.proposed.by),
        (version, "Mika")
    );
    assert!(waiting.two_people_because[0].contains("loosens"));
    assert!(waiting.set.comparison.unwrap().contains("600"));

    let agreed = fixture.agree(&legal, version).await.unwrap();
    assert_eq!(agreed.outcome, PolicyOutcome::InForce);
    assert_eq!(fixture.in_force(), version);
    assert_eq!(fixture.service.policy_proposal(&legal).await.unwrap(), None);
    let history = fixture.service.policy_history(&legal).await.unwrap();
    assert_eq!(history[0].by, "Mika and Lee");
    assert_eq!(history[0].proof, "tests passed; proved");
    let actions: Vec<_> = fixture.policy_acts().into_iter().map(|act| act.0).collect();
    assert_eq!(actions, ["policy.publish.propose", "policy.publish"]);
}

#[tokio::test]
async fn a_file_of_legals_takes_legal_even_where_nothing_loosens() {
    let fixture = Fixture::new().await;
    let manager = actor("Mika", Role::PartnerManager);
    let legal = actor("Lee", Role::Legal);
    let mut edited = files(&[]);
    edited
        .get_mut("promises.cedar")
        .unwrap()
        .push_str("\n// a remark\n");
    let request = || PolicyPublish {
        files: Some(edited.clone()),
        set: None,
        proof: None,
        because: "a remark".to_owned(),
    };
    let proposed = fixture.service.publish(&manager, request()).await.unwrap();
    assert_eq!(proposed.outcome, PolicyOutcome::Proposed);
    let [reason] = proposed.two_people_because.as_slice() else {
        panic!("{proposed:?}")
    };
    assert!(reason.contains("promises.cedar"), "{reason}");
    let done = fixture.service.publish(&legal, request()).await.unwrap();
    assert_eq!(done.outcome, PolicyOutcome::InForce);
}

#[tokio::test]
async fn a_proposal_is_about_the_set_in_force_and_ends_with_it() {
    let fixture = Fixture::new().await;
    let manager = actor("Mika", Role::PartnerManager);
    let legal = actor("Lee", Role::Legal);
    let one = fixture.publish(&manager, &[MORE]).await.unwrap();
    let wider = (ACME, "page_records_max: 100", "page_records_max: 200");
    let two = fixture.publish(&legal, &[wider]).await.unwrap();
    assert_eq!(two.instead_of.as_deref(), Some(&*one.version));
    assert!(fixture.agree(&legal, &one.version).await.is_err());
    fixture.publish(&legal, &[FEWER]).await.unwrap();
    let late = fixture.agree(&manager, &two.version).await;
    assert!(matches!(late, Err(NotDone::NotFound(_))), "{late:?}");
}

#[tokio::test]
async fn an_invalid_set_is_refused_with_every_mistake_and_the_old_one_stays() {
    let fixture = Fixture::new().await;
    let first = fixture.in_force();
    let legal = actor("Lee", Role::Legal);
    let broken = [
        (ACME, "kind: ", "kimd: "),
        ("partners/crest.yaml", "purposes:", "porpoises:"),
    ];
    let refused = fixture.publish(&legal, &broken).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains("kimd") && told.contains("porpoises"),
        "{told}"
    );
    assert_eq!(fixture.in_force(), first);
    assert!(fixture.policy_acts().is_empty());
    let operator = actor("Olga", Role::Operator);
    let refused = fixture.publish(&operator, &[FEWER]).await;
    assert!(matches!(refused, Err(NotDone::NotAllowed { .. })));
}

#[tokio::test]
async fn a_rollback_is_one_command_under_the_same_rule() {
    let fixture = Fixture::new().await;
    let first = fixture.in_force();
    let manager = actor("Mika", Role::PartnerManager);
    let legal = actor("Lee", Role::Legal);
    let nothing = fixture.roll_back(&legal, None).await;
    assert!(matches!(nothing, Err(NotDone::NotFound(_))));
    let second = fixture.publish(&manager, &[FEWER]).await.unwrap().version;
    // Back to the first loosens again.
    let proposed = fixture.roll_back(&manager, None).await.unwrap();
    assert_eq!(proposed.outcome, PolicyOutcome::Proposed);
    assert_eq!(proposed.version, first);
    let done = fixture.roll_back(&legal, Some(&first)).await.unwrap();
    assert_eq!(done.outcome, PolicyOutcome::InForce);
    assert_eq!(fixture.in_force(), first);
    // Forth to the second tightens: one is enough.
    let done = fixture.roll_back(&manager, None).await.unwrap();
    assert_eq!(
        (done.outcome, done.version),
        (PolicyOutcome::InForce, second.clone())
    );
    let shown = fixture.service.policy_set(&manager, &first).await.unwrap();
    assert_eq!(shown.publications.len(), 2);
    assert!(shown.comparison.is_some() && shown.files.iter().any(|name| name == ACME));
    let shown = fixture
        .service
        .policy_set(&manager, "in-force")
        .await
        .unwrap();
    assert_eq!((shown.version, shown.comparison), (second, None));
}
