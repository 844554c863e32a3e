//! Drafts of partners for the shipped policies, whole and with parts that are missing.

use jiff::civil::date;
use rcgen::{CertificateParams, KeyPair};

use super::*;

const TODAY: Date = date(2026, 11, 22);

/// The shipped policies, each file changed by `change`; nothing left out of it is a file.
fn folder(change: impl Fn(&str, &str) -> Option<String>) -> Folder {
    let mut mistakes = Mistakes::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let shipped = Folder::read(&shipped, &mut mistakes);
    let files = shipped.files().filter_map(|(name, source)| {
        let text = change(name, source.text())?;
        Some((name.to_owned(), text))
    });
    Folder::of("policies", files, &mut mistakes)
}

fn drafted(folder: &Folder) -> Result<Draft, String> {
    let params = CertificateParams::default();
    let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let certificate = ClientCertificate::from_der(signed.der()).unwrap();
    let new = NewPartner {
        id: PartnerId::parse("newcomer").unwrap(),
        name: "Newcomer".to_owned(),
        address: "1 Main Street".to_owned(),
        kind: PartnerKind::Dealer,
        parent: None,
        client: "newcomer".to_owned(),
        purposes: vec![Purpose::parse("essential.service").unwrap()],
        operations: Vec::new(),
        terms: Terms {
            version: "1".to_owned(),
            on: TODAY,
            by: "Ann Holm".to_owned(),
        },
    };
    draft(&new, &certificate, folder, TODAY).map_err(|error| error.to_string())
}

/// The policies without partners, cases and operations but those that `open` gives a channel.
fn with_overlay(open: &str) -> Folder {
    folder(|name, text| {
        let of_partners = ["partners/", "tests/", "properties/", "exceptions/"];
        if of_partners.iter().any(|start| name.starts_with(start)) {
            return None;
        }
        let overlay = format!(
            "overlay: 1.0.0\ninfo: {{title: t, version: '1'}}\nactions:\n  - {{target: $, update: {{}}}}\n{open}"
        );
        Some(match name.ends_with(".overlay.yaml") {
            true => overlay,
            false => text.to_owned(),
        })
    })
}

#[test]
fn a_catalogue_without_operations_to_call_is_told_as_that() {
    let told = drafted(&with_overlay("")).unwrap_err();
    assert!(
        told.starts_with("the catalogue has no operation that a partner could call"),
        "{told}"
    );
    assert!(told.contains("x-covenant-channel"), "{told}");
    let file =
        "  - target: $.paths['/v1/customers.csv'].get\n    update: {x-covenant-channel: export}\n";
    let told = drafted(&with_overlay(file)).unwrap_err();
    assert!(told.contains("`--operation`"), "{told}");
}

#[test]
fn an_id_in_the_path_of_a_case_is_one_that_the_parameter_admits() {
    let cases = |folder: &Folder| drafted(folder).unwrap().files[1].1.clone();
    let plain = cases(&folder(|_, text| Some(text.to_owned())));
    assert!(plain.contains("/v1/jobs/cus_0"), "{plain}");
    let narrow = folder(|name, text| {
        let of_job = "      name: job_id\n      in: path\n      required: true\n      schema: {type: string}";
        let is_document = name.ends_with(".openapi.yaml");
        assert!(!is_document || text.contains(of_job));
        let with = of_job.replace("string}", "string, pattern: '^job_[0-9]{4}$'}");
        Some(text.replace(of_job, &with))
    });
    let narrow = cases(&narrow);
    assert!(narrow.contains("/v1/jobs/job_0000"), "{narrow}");
    assert!(!narrow.contains("/v1/jobs/cus_0"), "{narrow}");
}
