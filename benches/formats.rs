//! How fast answers in XML and CSV are filtered: read and written, against a bare pass of `quick-xml`
//! (every event) and of `csv` (every `ByteRecord`) over the same bytes in the same run, in alternating
//! rounds. The peers only look; the filter validates, decides and writes.
//!
//! What streams is the same body in pieces, read and written a few records at a time.
//!
//! `cargo bench --bench formats`; with `-- --test` each side runs once. MiB/s are of the core's body, by CPU
//! time, so that a busy machine tells nearly the same.

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use covenant::catalogue::{Body, Catalogue, Check, Format, Shape};
use covenant::clock::Clock;
use covenant::filter::stream::Stream;
use covenant::filter::{self, Limits, Plan, PseudonymKey, RecordDecision, Scanned};
use covenant::mistakes::Mistakes;
use covenant::source::Folder;
use covenant::taxonomy::{CATEGORY_COUNT, Category};
use covenant::terms::{CategoryForms, Form};
use quick_xml::events::Event;

const ROUNDS: usize = 15;
const ROUND_TIME: Duration = Duration::from_millis(100);
const EXPORT_BYTES: usize = 5 << 20;
/// In which an answer that streams arrives.
const PIECE_BYTES: usize = 64 << 10;

/// Rows of a customer's list, with tags that the customer made up.
const DOCUMENT: &str = r"openapi: 3.0.3
info: {title: Lists, version: '1'}
paths:
  /lists/{list_id}/xml:
    get:
      operationId: listXml
      parameters: [{name: list_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: Addresses
          content:
            application/xml: {schema: {$ref: '#/components/schemas/addressList'}}
  /lists/{list_id}/csv:
    get:
      operationId: listCsv
      parameters: [{name: list_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: Addresses
          content:
            text/csv: {schema: {type: array, items: {$ref: '#/components/schemas/address'}}}
components:
  schemas:
    addressList:
      type: object
      properties:
        id: {type: string}
        address:
          type: array
          items: {$ref: '#/components/schemas/address'}
    address:
      type: object
      required: [customerId]
      properties:
        customerId: {type: string}
        First_name: {type: string}
        Last_name: {type: string}
        Organization: {type: string, nullable: true}
        Address1: {type: string}
        Address2: {type: string, nullable: true}
        City: {type: string}
        State: {type: string}
        Zip: {type: string}
        Country_non-US: {type: string, nullable: true}
        Email: {type: string}
        Phone: {type: string}
      additionalProperties: {type: string}
";

const OVERLAY: &str = r"overlay: 1.0.0
info: {title: Lists, version: '1'}
actions:
  - target: $.paths.*.get
    update: {x-covenant-channel: list}
  - target: $.components.schemas.addressList.properties.id
    update: {x-covenant-data-category: system.operations}
  - target: $.components.schemas.address
    update:
      x-covenant-record: true
      x-covenant-data-subject: recipient
      additionalProperties: {x-covenant-data-category: user.content.private}
      properties:
        customerId: {x-covenant-customer-key: true, x-covenant-data-category: user.unique_id}
        First_name: {x-covenant-data-category: user.name.first}
        Last_name: {x-covenant-data-category: user.name.last}
        Organization: {x-covenant-data-category: user.contact.organization}
        Address1: {x-covenant-data-category: user.contact.address.street}
        Address2: {x-covenant-data-category: user.contact.address.street}
        City: {x-covenant-data-category: user.contact.address.city}
        State: {x-covenant-data-category: user.contact.address.state}
        Zip: {x-covenant-data-category: user.contact.address.postal_code}
        Country_non-US: {x-covenant-data-category: user.contact.address.country}
        Email: {x-covenant-data-category: user.contact.email}
        Phone: {x-covenant-data-category: user.contact.phone_number, x-covenant-partial: {last: 4}}
";

const NAMES: [&str; 13] = [
    "customerId",
    "First_name",
    "Last_name",
    "Organization",
    "Address1",
    "Address2",
    "City",
    "State",
    "Zip",
    "Country_non-US",
    "Email",
    "Phone",
    "Pet_name",
];

fn main() -> Result<(), Box<dyn Error>> {
    let once = std::env::args().any(|argument| argument == "--test");
    let clock = Clock::system();
    let bench = Bench::new()?;
    let largest = if once { 64 << 10 } else { EXPORT_BYTES };
    for (name, operation, peer) in [
        ("xml", "listXml", quick_xml as fn(&[u8]) -> usize),
        ("csv", "listCsv", csv),
    ] {
        let (format, checked) = bench.shape(operation)?;
        let mut free = checked.clone();
        for field in &mut free.fields {
            field.check = Check::default();
        }
        for bytes in [0, largest] {
            let shape = &free;
            let body = bench.body(format, bytes);
            let left = bench.covenant(format, shape, &body)?;
            if left.len() < body.len() / 2 || peer(&body) == 0 {
                return Err("too little was filtered to say anything".into());
            }
            if once {
                continue;
            }
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push([
                    rate(&clock, &body, || {
                        bench.covenant(format, shape, &body).map(drop)
                    })?,
                    rate(&clock, &body, || {
                        bench.covenant(format, checked, &body).map(drop)
                    })?,
                    rate(&clock, &body, || bench.read(format, shape, &body))?,
                    rate(&clock, &body, || bench.streamed(format, shape, &body))?,
                    rate(&clock, &body, || {
                        black_box(peer(black_box(&body)));
                        Ok(())
                    })?,
                ]);
            }
            let [ours, held, reading, streamed, theirs] =
                std::array::from_fn(|side| median(rounds.iter().filter_map(|one| one.get(side))));
            let ratios: Vec<f64> = rounds
                .iter()
                .map(|[ours, .., theirs]| ours / theirs)
                .collect();
            println!(
                "{name} {:>8} bytes: filtered {ours:>5.0} MiB/s (read alone {reading:>5.0}; values \
                 held to their schemas {held:>5.0}; as it streams {streamed:>5.0}), bare pass \
                 {theirs:>5.0} MiB/s, ratio {:.2}",
                body.len(),
                median(ratios.iter())
            );
        }
    }
    Ok(())
}

/// Megabytes a second of this thread's CPU time in one round.
fn rate(
    clock: &Clock,
    body: &[u8],
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let (start, cpu) = (clock.instant(), cpu_time()?);
    let mut bytes = 0usize;
    while start.elapsed() < ROUND_TIME {
        for _ in 0..(1 + (256 << 10) / body.len()) {
            work()?;
            bytes += body.len();
        }
    }
    Ok(bytes as f64 / (cpu_time()? - cpu).as_secs_f64() / f64::from(1 << 20))
}

fn median<'a>(rates: impl Iterator<Item = &'a f64>) -> f64 {
    let mut rates: Vec<f64> = rates.copied().collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// What this thread has had of a processor, exact to a few milliseconds.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn quick_xml(body: &[u8]) -> usize {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let mut reader = quick_xml::Reader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return events,
            Ok(event) => {
                black_box(event);
                events += 1;
            }
            Err(_) => return 0,
        }
    }
}

fn csv(body: &[u8]) -> usize {
    let mut reader = csv::ReaderBuilder::new().from_reader(body);
    let mut record = csv::ByteRecord::new();
    let mut cells = 0;
    while let Ok(true) = reader.read_byte_record(&mut record) {
        cells += black_box(&record).len();
    }
    cells
}

struct Bench {
    catalogue: Catalogue,
    forms: CategoryForms,
    limits: Limits,
    key: PseudonymKey,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        std::fs::create_dir(directory.path().join("catalogue"))?;
        for (kind, text) in [("openapi", DOCUMENT), ("overlay", OVERLAY)] {
            let name = format!("catalogue/lists.{kind}.yaml");
            std::fs::write(directory.path().join(name), text)?;
        }
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(directory.path(), &mut mistakes);
        let catalogue = Catalogue::load(&folder, &mut mistakes);
        let catalogue = catalogue.ok_or_else(|| format!("{:?}", mistakes.sorted()))?;
        let mut forms = [None; CATEGORY_COUNT];
        for (key, form) in [
            ("user.name", Form::Clear),
            ("user.contact.organization", Form::Clear),
            ("user.contact.address", Form::Clear),
            ("user.contact.phone_number", Form::Partial),
            ("user.content", Form::Clear),
            ("user.unique_id", Form::Clear),
        ] {
            let granted = Category::parse(key).ok_or("a category")?;
            for category in Category::all().filter(|one| one.is_within(granted)) {
                if let Some(slot) = forms.get_mut(category.index()) {
                    *slot = Some(form);
                }
            }
        }
        Ok(Self {
            catalogue,
            forms,
            limits: Limits {
                body_bytes_max: 64 << 20,
                ..Limits::default()
            },
            key: PseudonymKey::new(&[7; 32]),
        })
    }

    fn shape(&self, operation: &str) -> Result<(Format, &Shape), Box<dyn Error>> {
        let operation = self.catalogue.operation(operation).ok_or("an operation")?;
        match operation.answers.first().map(|answer| &answer.body) {
            Some(Body::Data { format, shape, .. }) => Ok((*format, shape)),
            _ => Err("an answer that is filtered".into()),
        }
    }

    fn covenant(
        &self,
        format: Format,
        shape: &Shape,
        body: &[u8],
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        let scanned = filter::read(format, shape, black_box(body), &self.limits)?;
        let plan = Plan::new(shape, &self.forms);
        let decisions = vec![RecordDecision::Keep(&plan); scanned.records().len()];
        let mut out = Vec::new();
        let emitted = scanned.emit(&decisions, &plan, &self.key, None, &mut out);
        black_box(emitted.ok_or("nothing was emitted")?);
        Ok(black_box(out))
    }

    /// The same as an answer that streams: in pieces, a few records at a time.
    fn streamed(&self, format: Format, shape: &Shape, body: &[u8]) -> Result<(), Box<dyn Error>> {
        let plan = Plan::new(shape, &self.forms);
        let stream = Stream::new(format, shape, vec![plan.clone()], self.limits);
        let mut stream = stream.ok_or("records that stream")?;
        let left = |part: &Scanned<'_>| -> Result<Vec<u8>, Box<dyn Error>> {
            let decisions = vec![RecordDecision::Keep(&plan); part.records().len()];
            let mut out = Vec::new();
            let emitted = part.emit(&decisions, &plan, &self.key, None, &mut out);
            black_box(emitted.ok_or("nothing was emitted")?);
            Ok(out)
        };
        for mut piece in black_box(body).chunks(PIECE_BYTES) {
            while let Some(part) = stream.next(&mut piece)? {
                let left = left(&part)?;
                stream.write(&left);
            }
            black_box(stream.take());
        }
        if let Some(part) = stream.end()? {
            let left = left(&part)?;
            stream.write(&left);
        }
        black_box(stream.take());
        Ok(())
    }

    fn read(&self, format: Format, shape: &Shape, body: &[u8]) -> Result<(), Box<dyn Error>> {
        black_box(filter::read(format, shape, black_box(body), &self.limits)?);
        Ok(())
    }

    /// A list of 25 rows, or of as many as have at least `bytes`.
    fn body(&self, format: Format, bytes: usize) -> Vec<u8> {
        let mut text = match format {
            Format::Csv => NAMES.join(",") + "\r\n",
            _ => "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<addressList>\n  <id>7</id>\n"
                .to_owned(),
        };
        let mut number = 0;
        while number < 25 || text.len() < bytes {
            row(&mut text, format, number);
            number += 1;
        }
        if format == Format::Xml {
            text.push_str("</addressList>\n");
        }
        text.into_bytes()
    }
}

fn row(text: &mut String, format: Format, number: usize) {
    let streets = ["Café Street", "Main Street", "Elm Court", "Große Allee"];
    let values = [
        format!("cus_{number:08}"),
        "Inés".to_owned(),
        "Lovelace".to_owned(),
        if number.is_multiple_of(3) {
            "Analytical, Inc.".to_owned()
        } else {
            String::new()
        },
        format!(
            "{} {}",
            number % 9999,
            streets.get(number % 4).unwrap_or(&"")
        ),
        if number.is_multiple_of(4) {
            "Apt 4".to_owned()
        } else {
            String::new()
        },
        "Arlington".to_owned(),
        "VA".to_owned(),
        format!("{:05}", number % 99_999),
        String::new(),
        format!("ines.lovelace{number}@example.com"),
        format!("1-555-0{:03}-{:04}", number % 1000, number % 9973),
        if number.is_multiple_of(5) {
            "Rex & Max".to_owned()
        } else {
            "Ada".to_owned()
        },
    ];
    if format == Format::Csv {
        let cells = values.map(|value| match value.contains(',') {
            true => format!("\"{value}\""),
            false => value,
        });
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
        return;
    }
    text.push_str("  <address>\n");
    for (name, value) in NAMES.iter().zip(&values) {
        let value = value.replace('&', "&amp;");
        let _ = writeln!(text, "    <{name}>{value}</{name}>");
    }
    text.push_str("  </address>\n");
}
