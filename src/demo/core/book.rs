//! The book of customers as the demo company would hand it to the gateway: who is whose customer,
//! and which jobs, lists and documents are whose. JSON lines, the format of
//! `covenant customers import`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::world::{UseType, World};

/// One line of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BookRow {
    /// A customer.
    Customer {
        /// Its id at the core.
        id: String,
        /// The partner whose customer it is.
        partner: String,
        /// For searching by legal; kept as keyed hashes only.
        email: String,
        /// Likewise.
        #[serde(skip_serializing_if = "Option::is_none")]
        telephone: Option<String>,
        /// Likewise, on one line.
        address: String,
    },
    /// A mailing job.
    Job {
        /// Its id at the core.
        id: String,
        /// Whose it is.
        customer: String,
    },
    /// An uploaded address list.
    List {
        /// Its id at the core.
        id: String,
        /// Whose it is.
        customer: String,
        /// The data use it was uploaded for (P11).
        purpose: &'static str,
    },
    /// An uploaded document.
    Document {
        /// Its id at the core.
        id: String,
        /// Whose it is.
        customer: String,
        /// The data use it was uploaded for (P11).
        purpose: &'static str,
    },
}

/// The data use (fideslang) that the core's own word stands for.
fn purpose(use_type: UseType) -> &'static str {
    match use_type {
        UseType::Operational => "essential.service",
        UseType::Marketing => "marketing.communications",
    }
}

impl World {
    /// The whole book, customers first: those of the company itself are no partner's to see, so
    /// neither they nor what is theirs stand in it.
    pub fn book(&self) -> Vec<BookRow> {
        let customers = self.customers.iter().filter_map(|customer| {
            Some(BookRow::Customer {
                id: customer.id.clone(),
                partner: customer.partner_id.clone()?,
                email: customer.email.clone(),
                telephone: customer.phone.clone(),
                address: customer.address.line(),
            })
        });
        let owners: HashSet<&str> = (self.customers.iter())
            .filter(|customer| customer.partner_id.is_some())
            .map(|customer| customer.id.as_str())
            .collect();
        let of_partner = |customer: &str| owners.contains(customer);
        let jobs = self
            .jobs
            .iter()
            .filter(|job| of_partner(&job.customer_id))
            .map(|job| BookRow::Job {
                id: job.id.clone(),
                customer: job.customer_id.clone(),
            });
        let lists = self
            .lists
            .iter()
            .filter(|list| of_partner(&list.customer_id))
            .map(|list| BookRow::List {
                id: list.id.clone(),
                customer: list.customer_id.clone(),
                purpose: purpose(list.use_type),
            });
        let documents = self
            .documents
            .iter()
            .filter(|document| of_partner(&document.customer_id))
            .map(|document| BookRow::Document {
                id: document.id.clone(),
                customer: document.customer_id.clone(),
                purpose: purpose(document.use_type),
            });
        customers
            .chain(jobs)
            .chain(lists)
            .chain(documents)
            .collect()
    }

    /// Writes the book to a file, one JSON object a line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_book(&self, path: &Path) -> io::Result<()> {
        let mut file = io::BufWriter::new(std::fs::File::create(path)?);
        for row in self.book() {
            serde_json::to_writer(&mut file, &row)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_is_one_object_a_line_and_names_an_owner_for_everything() {
        let world = World::invent();
        let path = tempfile::tempdir().unwrap();
        let path = path.path().join("book.jsonl");
        world.write_book(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), world.book().len());
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["kind"], "customer");
        assert_eq!(first["partner"], "acme");
        let document = text.lines().find(|line| line.contains("doc_000001"));
        let owned = r#""customer":"cus_000001","purpose":"essential.service"}"#;
        assert!(document.unwrap().ends_with(owned), "{document:?}");
        let job = text
            .lines()
            .find(|line| line.contains("job_000001"))
            .unwrap();
        assert_eq!(
            job,
            r#"{"kind":"job","id":"job_000001","customer":"cus_000001"}"#
        );
    }
}
