//! An accounting of disclosures on paper: as text, as a page of HTML to be printed, and as CSV (RFC 4180).
//! Whatever stands in it may have been written by somebody else, so none of it is markup or a formula.

mod plain;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::messages::{
    Destroyed, NameAndAddress, Preserved, PreservedPackage, RecipientAccounted, RecipientShown,
    Report, Series,
};
use crate::terms::{csv_cell, escaped, escaped_html};

/// For people, on paper as on a screen.
pub fn text(report: &Report) -> String {
    let mut text = "Accounting of disclosures\n\n".to_owned();
    for (name, value) in head(report) {
        text.push_str(&format!("{:10} {}\n", name.to_lowercase(), escaped(&value)));
    }
    for remark in remarks(report) {
        text.push_str(&format!("\n{remark}\n"));
    }
    for (number, series) in (1..).zip(&report.disclosures) {
        text.push_str(&paragraph(number, series));
    }
    text.push_str(
        "\nTo verify: save what follows this paragraph, to the end and as it stands, to a file. It is the signed \
         checkpoint of the ledger when this was made. Then run\n\n    covenant ledger verify --dir LEDGER --key KEY \
         --since-checkpoint FILE\n\nwith the ledger's directory and its verifier key.\n\n",
    );
    // Not indented, or what is saved would be no signed note.
    for line in report.checkpoint.lines() {
        text.push_str(&format!("{}\n", escaped(line)));
    }
    text
}

/// Whom it is about, and when it was made of what.
fn head(report: &Report) -> Vec<(&'static str, String)> {
    let mut head = match &report.recipient {
        None => {
            let customer = report.customer.as_deref();
            let reference = report.reference.clone().unwrap_or_default();
            let customer = customer.unwrap_or("no longer in the book").to_owned();
            vec![("Customer", customer), ("Reference", reference)]
        }
        Some(recipient) => {
            let named = recipient.references.iter();
            let named: Vec<_> = named
                .map(|(month, reference)| format!("{month} {reference}"))
                .collect();
            vec![
                (
                    "Recipient",
                    "of mail, by name and postal address".to_owned(),
                ),
                ("References", named.join(", ")),
            ]
        }
    };
    head.extend([
        ("Made", report.time.to_string()),
        (
            "Read",
            format!("{} entries of the ledger", report.entries_read),
        ),
    ]);
    head
}

/// What must be known of the report as a whole: that there is nothing, and what it cannot tell.
fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    let goes_back = "as far as the ledger goes back.";
    match (&report.recipient, report.disclosures.is_empty()) {
        (None, true) => remarks.push(format!(
            "Nothing about this customer was disclosed, {goes_back}"
        )),
        (Some(_), true) => remarks.push(format!(
            "Nothing that can be told to be about this recipient was disclosed, {goes_back}"
        )),
        (_, false) => {}
    }
    if let Some(recipient) = &report.recipient {
        remarks.push(by_month(recipient));
        remarks.extend(unanswerable(recipient));
    }
    remarks.extend(report.destroyed.as_ref().and_then(gone));
    remarks.extend(report.preserved.as_ref().map(kept));
    remarks
}

/// How a recipient was looked for.
fn by_month(recipient: &RecipientAccounted) -> String {
    let months: Vec<_> = recipient.references.keys().map(String::as_str).collect();
    let months = match months.as_slice() {
        [] => "no month".to_owned(),
        months => months.join(", "),
    };
    format!(
        "In the ledger, a recipient of mail has another reference each month (UTC), made of name and postal \
         address with a key of that month. This report has what the keys of {months} find for name and \
         address as they were typed: signs, capitals and the order of words make no difference, a word more or \
         less does."
    )
}

/// What nobody can tell of a recipient: nothing where no month's key was destroyed.
pub fn unanswerable(recipient: &RecipientAccounted) -> Option<String> {
    if recipient.destroyed.is_empty() {
        return None;
    }
    let mut by_entry: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (month, entry) in &recipient.destroyed {
        by_entry.entry(*entry).or_default().push(month);
    }
    let told = by_entry.into_iter();
    let told: Vec<_> = told
        .map(|(entry, months)| format!("{} (as entry {entry} says)", months.join(", ")))
        .collect();
    Some(format!(
        "The keys of these months were destroyed: {}. Whether data of this recipient left in them, nobody can \
         tell any more, though the entries may still be there. That it is not told here does not say that it \
         did not leave.",
        told.join(", ")
    ))
}

/// What is not accounted for, as it is not on record any more: nothing where keys alone were destroyed. Only
/// what the latest purge destroyed is said to be gone under its terms.
fn gone(destroyed: &Destroyed) -> Option<String> {
    let (entries, before, entry) = (destroyed.entries, destroyed.entries_before, destroyed.entry);
    if entries == 0 {
        return None;
    }
    let terms = destroyed.terms.iter();
    let terms: Vec<_> = terms.map(|(name, days)| format!("{name} {days}")).collect();
    let terms = terms.join(", ");
    let until = destroyed.newest;
    let until = until.map_or_else(String::new, |time| format!(", up to {time},"));
    let how = if before == entries {
        format!("in purges before entry {entry}, which is about keys of mail recipients alone")
    } else if before == 0 {
        format!("under its published terms ({terms}), as entry {entry} says")
    } else {
        format!(
            "in more than one purge: those from entry {before} on under its published terms ({terms}), as entry \
             {entry} says"
        )
    };
    Some(format!(
        "The first {entries} entries of the ledger{until} were destroyed {how}. What they told is not in here."
    ))
}

/// Where what was destroyed can still be read.
fn kept(preserved: &Preserved) -> String {
    let folder = preserved.folder.as_deref();
    if let Some(unknown) = &preserved.unknown {
        let folder = folder.map_or_else(String::new, |folder| format!("`{folder}`: "));
        return format!(
            "Before that, what was on hold was copied into evidence packages. Which of them are about this \
             person cannot be told ({folder}{unknown}). The latest purge made those of SHA-256 {}.",
            preserved.made.join(", ")
        );
    }
    let each = preserved.packages.iter().map(|package| {
        let PreservedPackage { file, sha256, .. } = package;
        match (&package.damage, package.entries.as_slice()) {
            (Some(damage), _) => {
                format!("`{file}` is not as it was made ({damage}): look for a copy of it")
            }
            (None, [first, .., last]) => format!(
                "`{file}` has {} entries, from {first} to {last} (SHA-256 {sha256})",
                package.entries.len()
            ),
            (None, places) => {
                let places = places.iter().map(ToString::to_string);
                let places = places.collect::<Vec<_>>().join(", ");
                format!("`{file}` has entry {places} (SHA-256 {sha256})")
            }
        }
    });
    let mut each: Vec<_> = each.collect();
    if preserved.more > 0 {
        each.push(format!("{} more were not looked into", preserved.more));
    }
    format!(
        "Before that, what was on hold was copied into evidence packages, which account for it and prove it. In \
         `{}`, these are about this person: {}.",
        folder.unwrap_or_default(),
        each.join("; ")
    )
}

fn paragraph(number: usize, series: &Series) -> String {
    let rows = rows(series);
    let told = rows.iter().filter(|(_, value)| !value.is_empty());
    let lines = told.map(|(name, value)| format!("    {name:10} {}\n", escaped(value)));
    format!("\n{number:3}\n{}", lines.collect::<String>())
}

/// What is told of a series; what there is nothing of is empty.
fn rows(series: &Series) -> Vec<(&'static str, String)> {
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
    vec![
        ("when", when),
        ("recipient", recipient(&series.recipient)),
        ("now", present(&series.recipient)),
        ("data", data(series)),
        ("in words", plain::words(series)),
        ("operation", series.operation.clone()),
        ("purpose", series.purpose.clone()),
        ("basis", basis(series)),
        ("withheld", withheld(series)),
        ("request", requests),
        ("incomplete", incomplete(series)),
    ]
}

/// On what basis, and where that is written down.
fn basis(series: &Series) -> String {
    match &series.basis_reference {
        Some(reference) => format!("{}, {reference}", series.basis),
        None => series.basis.clone(),
    }
}

fn recipient(recipient: &RecipientShown) -> String {
    let parts = [&recipient.name, &recipient.address, &recipient.id];
    let known: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    match known.as_slice() {
        [] => recipient.kind.clone(),
        known => format!("{}: {}", recipient.kind, known.join(", ")),
    }
}

/// How the recipient is named now, where it was named otherwise then, or nobody knows how.
fn present(recipient: &RecipientShown) -> String {
    let Some(present) = &recipient.present else {
        return String::new();
    };
    let NameAndAddress { name, address } = present;
    let then = match recipient.name {
        Some(_) => "in the contract in force when this was made",
        None => "in the contract in force when this was made; that of then is not kept",
    };
    format!("{name}, {address} ({then})")
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
pub fn csv(report: &Report) -> String {
    let headings = "first,last,count,recipient,recipient_id,name,address,present_name,\
                    present_address,data,in_words,operation,purpose,basis,withheld,first_request,last_request,first_entry,last_entry,incomplete\r\n";
    let line = |series: &Series| {
        let recipient = &series.recipient;
        let present = recipient.present.as_ref();
        let optional = |value: &Option<String>| value.clone().unwrap_or_default();
        let cells = [
            series.first.time.to_string(),
            series.last.time.to_string(),
            series.count.to_string(),
            recipient.kind.clone(),
            optional(&recipient.id),
            optional(&recipient.name),
            optional(&recipient.address),
            present.map_or_else(String::new, |present| present.name.clone()),
            present.map_or_else(String::new, |present| present.address.clone()),
            data(series),
            plain::words(series),
            series.operation.clone(),
            series.purpose.clone(),
            basis(series),
            withheld(series),
            series.first.request_id.clone(),
            series.last.request_id.clone(),
            series.first.entry.to_string(),
            series.last.entry.to_string(),
            incomplete(series),
        ];
        cells.map(|value| csv_cell(&value)).join(",") + "\r\n"
    };
    let mut lines: String = report.disclosures.iter().map(line).collect();
    let remarks = remarks(report).into_iter();
    // That there is nothing shows without a line that says so.
    for remark in remarks.filter(|_| report.recipient.is_some() || report.destroyed.is_some()) {
        // In the last column, of which every line has something to say that is missing.
        let cells = headings.matches(',').count();
        lines += &format!("{}{}\r\n", ",".repeat(cells), csv_cell(&remark));
    }
    format!("{headings}{lines}")
}

/// How the page looks, on a screen and on paper.
const STYLE: &str = "body{font:11pt/1.4 serif;margin:2em auto;max-width:50em;padding:0 1em}\
h1{font-size:1.5em}h2{font-size:1.1em;margin-bottom:.3em}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.25em .5em;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:8em;font-weight:normal}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em}\
section{break-inside:avoid}@page{margin:2cm}";

/// A page for print: no script, nothing from elsewhere, and a policy that forbids both.
pub fn html(report: &Report) -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Accounting of disclosures</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Accounting of disclosures</h1>\n{}",
        table(&head(report))
    );
    for remark in remarks(report) {
        page.push_str(&format!("<p>{}</p>\n", escaped_html(&remark)));
    }
    for (number, series) in (1..).zip(&report.disclosures) {
        let heading = match series.count {
            1 => format!("{number}. On {}", series.first.time),
            count => format!(
                "{number}. {count} times, first on {}, last on {}",
                series.first.time, series.last.time
            ),
        };
        let rows = rows(series);
        let rows: Vec<_> = rows.into_iter().filter(|row| !row.1.is_empty()).collect();
        page.push_str(&format!(
            "<section>\n<h2>{}</h2>\n{}</section>\n",
            escaped_html(&heading),
            table(&rows)
        ));
    }
    let note: Vec<_> = report.checkpoint.lines().map(escaped_html).collect();
    page + &format!(
        "<h2>How to verify</h2>\n<p>The signed checkpoint of the ledger when this was made:</p>\n\
         <pre>{}\n</pre>\n<p>Save it to a file, and run <code>covenant ledger verify --dir LEDGER --key \
         KEY --since-checkpoint FILE</code> with the ledger's directory and its verifier key. An \
         evidence package about this person has the entries themselves, each with its proof.</p>\n\
         </body>\n</html>\n",
        note.join("\n")
    )
}

fn table(rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            escaped_html(name),
            escaped_html(value)
        )
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<table>\n{rows}</table>\n")
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Incomplete, Occurrence};
    use super::*;
    use crate::entry::Withheld;

    fn report() -> Report {
        let occurrence = |time: &str, request: &str, entry| Occurrence {
            time: time.parse().unwrap(),
            request_id: request.to_owned(),
            entry,
        };
        Report {
            reference: Some("07".repeat(16)),
            customer: Some("cus_1".to_owned()),
            recipient: None,
            time: "2026-11-22T12:00:00Z".parse().unwrap(),
            entries_read: 9,
            disclosures: vec![Series {
                recipient: RecipientShown {
                    kind: "partner".to_owned(),
                    id: Some("acme".to_owned()),
                    name: Some("=Acme \"Ltd\"".to_owned()),
                    address: Some("2 Side Street, Anytown".to_owned()),
                    present: Some(NameAndAddress {
                        name: "Acme Group".to_owned(),
                        address: "9 New Road, Anytown".to_owned(),
                    }),
                },
                data: BTreeMap::from([("user.name".to_owned(), "clear".to_owned())]),
                operation: "getCustomer".to_owned(),
                purpose: "essential.service".to_owned(),
                basis: "service".to_owned(),
                basis_reference: None,
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
            destroyed: None,
            preserved: None,
        }
    }

    #[test]
    fn a_report_tells_when_who_what_why_and_what_was_withheld() {
        let text = text(&report());
        let told = "\n  1\n    when       2026-11-01T08:00:00Z to 2026-11-02T08:00:00Z, 2 times\n    \
                    recipient  partner: =Acme \"Ltd\", 2 Side Street, Anytown, acme\n    \
                    now        Acme Group, 9 New Road, Anytown (in the contract in force when this was made)\n    \
                    data       user.name (clear)\n    \
                    in words   name in full; not disclosed as it is: email (left out)\n    operation  getCustomer\n    \
                    purpose    essential.service\n    basis      service\n    \
                    withheld   $.email (removal, P5)\n    \
                    request    first req_1 (entry 3), last req_2 (entry 7)\n    \
                    incomplete req_1 (10 of 90 bytes left, client-left), \
                    req_2 (how much of it left is not on record)\n";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn of_a_recipient_it_says_by_which_keys_it_was_found_and_what_nobody_can_tell() {
        let months = |months: &[(&str, u64)]| {
            let months = months.iter();
            months
                .map(|(month, entry)| ((*month).to_owned(), *entry))
                .collect()
        };
        let mut report = report();
        (report.customer, report.reference) = (None, None);
        report.recipient = Some(RecipientAccounted {
            references: BTreeMap::from([("2026-11".to_owned(), "0b".repeat(16))]),
            destroyed: months(&[("2020-01", 700), ("2020-02", 700), ("2020-03", 750)]),
        });
        let all = |report: &Report| [text(report), csv(report), html(report)];
        let destroyed =
            "2020-01, 2020-02 (as entry 700 says), 2020-03 (as entry 750 says). Whether";
        for paper in all(&report) {
            assert!(paper.contains("the keys of 2026-11 find"), "{paper}");
            assert!(paper.contains(destroyed), "{paper}");
            assert!(!paper.contains("no longer in the book"), "{paper}");
        }
        assert!(text(&report).contains(&format!("2026-11 {}", "0b".repeat(16))));
        report.disclosures.clear();
        report.recipient.as_mut().unwrap().destroyed.clear();
        for paper in all(&report) {
            assert!(
                paper.contains("Nothing that can be told to be about"),
                "{paper}"
            );
            assert!(!paper.contains("destroyed"), "{paper}");
        }
    }

    #[test]
    fn only_what_the_latest_purge_destroyed_is_said_to_be_gone_under_its_terms() {
        let gone = |entries, entries_before| {
            let mut report = report();
            report.destroyed = Some(Destroyed {
                entries,
                entries_before,
                newest: Some("2020-01-01T00:00:00Z".parse().unwrap()),
                entry: 9_000,
                terms: BTreeMap::from([("disclosures_days".to_owned(), 3_000)]),
                recipient_keys_until: None,
            });
            let text = text(&report);
            let begin = text.find("The first ");
            begin.map(|begin| {
                let words: Vec<_> = text[begin..].split_whitespace().collect();
                let whole = words.join(" ");
                whole.split_once(" What they told").unwrap().0.to_owned()
            })
        };
        let first =
            "The first 512 entries of the ledger, up to 2020-01-01T00:00:00Z, were destroyed";
        let told = |how: &str| Some(format!("{first} {how}."));
        let terms = "under its published terms (disclosures_days 3000), as entry 9000 says";
        assert_eq!(gone(512, 0), told(terms));
        let later = format!("in more than one purge: those from entry 256 on {terms}");
        assert_eq!(gone(512, 256), told(&later));
        let keys = "in purges before entry 9000, which is about keys of mail recipients alone";
        assert_eq!(gone(512, 512), told(keys));
        assert_eq!(gone(0, 0), None);
    }

    #[test]
    fn the_checkpoint_is_what_the_text_ends_with_so_that_it_can_be_saved() {
        let text = text(&report());
        assert!(text.ends_with("\n\ncovenant.example/log\n9\n"), "{text}");
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

    #[test]
    fn a_page_has_no_script_and_nothing_in_it_is_markup() {
        let mut report = report();
        let hostile = "</td><script src=//evil.example>&\"'\u{202e}";
        report.customer = Some(hostile.to_owned());
        report.checkpoint = hostile.to_owned();
        let series = &mut report.disclosures[0];
        series.recipient.name = Some(hostile.to_owned());
        series.recipient.address = Some(hostile.to_owned());
        series.recipient.present = Some(NameAndAddress {
            name: hostile.to_owned(),
            address: hostile.to_owned(),
        });
        for text in [
            &mut series.operation,
            &mut series.purpose,
            &mut series.basis,
        ] {
            *text = hostile.to_owned();
        }
        series.basis_reference = Some(hostile.to_owned());
        series.data = BTreeMap::from([(hostile.to_owned(), hostile.to_owned())]);
        series.withheld[0].field = hostile.to_owned();
        series.first.request_id = hostile.to_owned();
        series.incomplete[0].because = Some(hostile.to_owned());
        let page = html(&report);
        let lower = page.to_lowercase();
        assert!(
            !lower.contains("<script") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(lower.contains("default-src 'none'"), "{page}");
        let shown = "&lt;/td&gt;&lt;script src=//evil.example&gt;&amp;&quot;&#39;\\u{202e}";
        assert_eq!(page.matches(shown).count(), 16, "{page}");
        // What is left of the page is what this file wrote.
        let tags = page.replace(shown, "");
        roxmltree::Document::parse(
            &tags
                .replace("<!doctype html>", "")
                .replace("charset=\"utf-8\">", "charset=\"utf-8\"/>")
                .replace("form-action 'none'\">", "form-action 'none'\"/>")
                .replace("content=\"no-referrer\">", "content=\"no-referrer\"/>"),
        )
        .unwrap();
    }
}
