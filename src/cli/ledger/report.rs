//! An accounting of disclosures as text and as CSV (RFC 4180).

use crate::administration::messages::{RecipientShown, Report, Series};
use crate::cli::output::escaped;

/// For people, on paper as on a screen.
pub(super) fn text(report: &Report) -> String {
    let customer = report
        .customer
        .as_deref()
        .unwrap_or("no longer in the book");
    let mut text = format!(
        "Accounting of disclosures\n\ncustomer   {}\nreference  {}\nmade       {}\nread       {} \
         entries of the ledger\n",
        escaped(customer),
        report.reference,
        report.time,
        report.entries_read
    );
    if report.disclosures.is_empty() {
        text.push_str("\nNothing about this customer was disclosed.\n");
    }
    for (number, series) in (1..).zip(&report.disclosures) {
        text.push_str(&paragraph(number, series));
    }
    text.push_str("\nSigned checkpoint of the ledger when this was made:\n\n");
    for line in report.checkpoint.lines() {
        text.push_str(&format!("    {}\n", escaped(line)));
    }
    text.push_str(
        "\nTo verify: save the checkpoint to a file, and run\n\n    covenant ledger verify --dir \
         <the ledger's directory> --key <its verifier key> --since <that file>\n",
    );
    text
}

fn paragraph(number: usize, series: &Series) -> String {
    let (first, last) = (&series.first, &series.last);
    let when = match series.count {
        1 => format!("{}", first.time),
        count => format!("{} to {}, {count} times", first.time, last.time),
    };
    let requests = match series.count {
        1 => format!("{} (entry {})", first.request_id, first.entry),
        _ => format!(
            "first {} (entry {}), last {} (entry {})",
            first.request_id, first.entry, last.request_id, last.entry
        ),
    };
    let rows = [
        ("when", when),
        ("recipient", recipient(&series.recipient)),
        ("data", data(series)),
        ("operation", series.operation.clone()),
        ("purpose", series.purpose.clone()),
        ("basis", series.basis.clone()),
        ("withheld", withheld(series)),
        ("request", requests),
        ("incomplete", incomplete(series)),
    ];
    let told = rows.iter().filter(|(_, value)| !value.is_empty());
    let lines = told.map(|(name, value)| format!("    {name:10} {}\n", escaped(value)));
    format!("\n{number:3}\n{}", lines.collect::<String>())
}

fn recipient(recipient: &RecipientShown) -> String {
    let parts = [&recipient.name, &recipient.address, &recipient.id];
    let known: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    match known.as_slice() {
        [] => recipient.kind.clone(),
        known => format!("{}: {}", recipient.kind, known.join(", ")),
    }
}

fn data(series: &Series) -> String {
    let each = series
        .data
        .iter()
        .map(|(category, form)| format!("{category} ({form})"));
    each.collect::<Vec<_>>().join(", ")
}

fn withheld(series: &Series) -> String {
    let each = series
        .withheld
        .iter()
        .map(|field| format!("{} ({}, {})", field.field, field.method, field.promise));
    each.collect::<Vec<_>>().join(", ")
}

/// What did not leave whole: on record is all that was let out.
fn incomplete(series: &Series) -> String {
    let each = series.incomplete.iter().map(|one| {
        let Some(bytes) = one.bytes else {
            return format!("{} (how much of it left is not on record)", one.request_id);
        };
        let of = one.bytes_expected;
        let of = of.map_or_else(String::new, |expected| format!(" of {expected}"));
        let because = one.because.as_deref().unwrap_or("unknown");
        format!("{} ({bytes}{of} bytes left, {because})", one.request_id)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// One line for each series.
pub(super) fn csv(report: &Report) -> String {
    let headings = "first,last,count,recipient,recipient_id,name,address,data,operation,purpose,\
                    basis,withheld,first_request,last_request,first_entry,last_entry,incomplete\r\n";
    let line = |series: &Series| {
        let recipient = &series.recipient;
        let optional = |value: &Option<String>| value.clone().unwrap_or_default();
        let cells = [
            series.first.time.to_string(),
            series.last.time.to_string(),
            series.count.to_string(),
            recipient.kind.clone(),
            optional(&recipient.id),
            optional(&recipient.name),
            optional(&recipient.address),
            data(series),
            series.operation.clone(),
            series.purpose.clone(),
            series.basis.clone(),
            withheld(series),
            series.first.request_id.clone(),
            series.last.request_id.clone(),
            series.first.entry.to_string(),
            series.last.entry.to_string(),
            incomplete(series),
        ];
        cells.map(|value| cell(&value)).join(",") + "\r\n"
    };
    let lines: String = report.disclosures.iter().map(line).collect();
    format!("{headings}{lines}")
}

/// Quoted, and never a formula: spreadsheets run what begins with one of these signs.
fn cell(value: &str) -> String {
    let value = escaped(value);
    let formula = value.starts_with(['=', '+', '-', '@']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::administration::messages::{Incomplete, Occurrence};
    use crate::entry::Withheld;

    fn report() -> Report {
        let occurrence = |time: &str, request: &str, entry| Occurrence {
            time: time.parse().unwrap(),
            request_id: request.to_owned(),
            entry,
        };
        Report {
            reference: "07".repeat(16),
            customer: Some("cus_1".to_owned()),
            time: "2026-11-22T12:00:00Z".parse().unwrap(),
            entries_read: 9,
            disclosures: vec![Series {
                recipient: RecipientShown {
                    kind: "partner".to_owned(),
                    id: Some("acme".to_owned()),
                    name: Some("=Acme \"Ltd\"".to_owned()),
                    address: Some("2 Side Street, Anytown".to_owned()),
                },
                data: BTreeMap::from([("user.name".to_owned(), "clear".to_owned())]),
                operation: "getCustomer".to_owned(),
                purpose: "essential.service".to_owned(),
                basis: "service".to_owned(),
                withheld: vec![Withheld {
                    field: "$.email".to_owned(),
                    method: "removal".to_owned(),
                    promise: "P5".to_owned(),
                }],
                first: occurrence("2026-11-01T08:00:00Z", "req_1", 3),
                count: 2,
                last: occurrence("2026-11-02T08:00:00Z", "req_2", 7),
                incomplete: vec![
                    Incomplete {
                        request_id: "req_1".to_owned(),
                        bytes: Some(10),
                        bytes_expected: Some(90),
                        because: Some("client-left".to_owned()),
                    },
                    Incomplete {
                        request_id: "req_2".to_owned(),
                        bytes: None,
                        bytes_expected: None,
                        because: None,
                    },
                ],
            }],
            checkpoint: "covenant.example/log\n9\n".to_owned(),
        }
    }

    #[test]
    fn a_report_tells_when_who_what_why_and_what_was_withheld() {
        let text = text(&report());
        let told = "\n  1\n    when       2026-11-01T08:00:00Z to 2026-11-02T08:00:00Z, 2 times\n    \
                    recipient  partner: =Acme \"Ltd\", 2 Side Street, Anytown, acme\n    \
                    data       user.name (clear)\n    operation  getCustomer\n    \
                    purpose    essential.service\n    basis      service\n    \
                    withheld   $.email (removal, P5)\n    \
                    request    first req_1 (entry 3), last req_2 (entry 7)\n    \
                    incomplete req_1 (10 of 90 bytes left, client-left), \
                    req_2 (how much of it left is not on record)\n";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn a_line_of_csv_is_quoted_and_no_formula() {
        let csv = csv(&report());
        let lines: Vec<_> = csv.split("\r\n").collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[1].contains(r#""'=Acme ""Ltd""","2 Side Street, Anytown""#),
            "{csv}"
        );
    }
}
