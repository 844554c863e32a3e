//! What a document says of its service with `servers`, of the document, its paths and its operations: the
//! names it has, their authorities, and what stands before its paths. Whether anything answers there does
//! not matter: a core speaks of itself by them.

use std::sync::Arc;

use super::document::Part;
use super::reading::Reading;
use crate::edge::host;

/// The authorities, in lower case and sorted. A server without one (`/v1`) names nobody.
pub(super) fn read(reading: &mut Reading<'_>) -> Vec<Arc<str>> {
    let root = reading.root();
    let items = root.get("paths").map(Part::entries).unwrap_or_default();
    let operations = items.iter().flat_map(|item| item.part.entries());
    let holders = items.iter().map(|item| &item.part);
    let holders = holders.chain(operations.map(|operation| &operation.part));
    let mut names = Vec::new();
    for holder in std::iter::once(root).chain(holders) {
        let servers = holder.get("servers").map(Part::items).unwrap_or_default();
        for url in servers.iter().filter_map(|server| server.get("url")) {
            names.extend(name(reading, url));
        }
    }
    names.sort();
    names.dedup();
    names
}

fn name(reading: &mut Reading<'_>, url: &Part) -> Option<Arc<str>> {
    let text = url.text()?;
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = host::canonical(authority);
    if name.is_none() {
        let message = "the names of this server cannot be told: list them as `names` of the service \
                       in covenant.toml, so that links to them are known as the core's";
        reading.remark(&url.place, message);
    }
    name.map(Arc::from)
}

/// The path of the servers of an operation, without a slash at its end: it stands before the operation's
/// path (OpenAPI 3.1 section 4.8.5). The servers are those of the innermost of `holders`, which stand innermost
/// first, that has any. Without servers, or at a mistake, nothing stands before it.
pub(super) fn base(reading: &mut Reading<'_>, holders: [&Part; 3]) -> String {
    let mut lists = holders.iter().filter_map(|holder| holder.get("servers"));
    let servers = lists.find(|list| !list.items().is_empty());
    let servers = servers.map(Part::items).unwrap_or_default();
    let mut base: Option<String> = None;
    for url in servers.iter().filter_map(|server| server.get("url")) {
        let Some(path) = url.text().and_then(path) else {
            let message = "the path of this server is not plain segments (`/v1`), which stand before the paths \
                           of its operations: say it without variables, `.`, `..`, query and fragment, here \
                           or in the overlay, as `servers` of `$.paths.*`";
            reading.mistake(&url.place, message);
            continue;
        };
        match &base {
            Some(first) if *first != path => {
                let message = format!(
                    "a server with the path `{path}` beside one with `{first}`: the core has one of them; \
                     say which in the overlay, as `servers` of `$.paths.*`"
                );
                reading.mistake(&url.place, message);
            }
            _ => base = Some(path),
        }
    }
    base.unwrap_or_default()
}

/// The path of a URL, or of a reference that begins at the root.
fn path(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)),
        None => Some(url),
    };
    let path = path.unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let mut segments = path.split('/');
    (segments.next() == Some("") && segments.all(is_plain)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DOCUMENT, OVERLAY, load};

    /// The path of the small catalogue's operation with these servers of the document, the path and the operation.
    fn path(root: &str, item: &str, operation: &str) -> Result<String, Vec<String>> {
        let below = format!("  /pets/{{pet_id}}:\n{item}    get:\n{operation}");
        let document = DOCUMENT
            .replace("paths:", &format!("{root}paths:"))
            .replace("  /pets/{pet_id}:\n    get:\n", &below);
        let catalogue = load(&document, OVERLAY)?;
        Ok(catalogue.operations[0].path.to_string())
    }

    #[test]
    fn the_path_of_the_servers_stands_before_that_of_the_operation() {
        let root = |urls: &str| format!("servers: [{urls}]\n");
        for (urls, expected) in [
            ("", "/pets/{pet_id}"),
            ("{url: 'https://api.zoo.example'}", "/pets/{pet_id}"),
            ("{url: /}", "/pets/{pet_id}"),
            ("{url: 'https://api.zoo.example/v1'}", "/v1/pets/{pet_id}"),
            (
                "{url: 'https://{region}.zoo.example:{port}/v1/'}",
                "/v1/pets/{pet_id}",
            ),
            (
                "{url: 'https://zoo.example/a/v1'}, {url: /a/v1}",
                "/a/v1/pets/{pet_id}",
            ),
        ] {
            assert_eq!(path(&root(urls), "", "").as_deref(), Ok(expected), "{urls}");
        }
        let root = root("{url: /v1}");
        let item = "    servers: [{url: /v2}]\n";
        assert_eq!(path(&root, item, "").as_deref(), Ok("/v2/pets/{pet_id}"));
        let several = "servers: [{url: /v1}, {url: /v3}]\n";
        assert_eq!(path(several, item, "").as_deref(), Ok("/v2/pets/{pet_id}"));
        let operation = "      servers: [{url: 'https://zoo.example'}]\n";
        assert_eq!(
            path(&root, item, operation).as_deref(),
            Ok("/pets/{pet_id}")
        );
    }

    #[test]
    fn an_overlay_says_which_server_counts() {
        let document = DOCUMENT.replace(
            "paths:",
            "servers: [{url: /v1}, {url: '/{version}'}]\npaths:",
        );
        assert!(load(&document, OVERLAY).is_err());
        let counts = "  - target: $.paths.*\n    update: {servers: [{url: /v2}]}\n";
        let catalogue = load(&document, &format!("{OVERLAY}{counts}")).unwrap();
        assert_eq!(&*catalogue.operations[0].path, "/v2/pets/{pet_id}");
    }

    #[test]
    fn servers_whose_path_cannot_be_told_are_a_mistake() {
        for (urls, expected) in [
            (
                "{url: /v1}, {url: /v2}",
                "with the path `/v2` beside one with `/v1`",
            ),
            (
                "{url: 'https://a.example/v1'}, {url: 'https://b.example'}",
                "with the path `` beside",
            ),
            (
                "{url: 'https://zoo.example/{version}'}",
                "not plain segments",
            ),
            ("{url: '{base}/v1'}", "not plain segments"),
            ("{url: v1}", "not plain segments"),
            ("{url: /a/../v1}", "not plain segments"),
            ("{url: /a//v1}", "not plain segments"),
            ("{url: '/v%31'}", "not plain segments"),
            ("{url: 'https://zoo.example?key=1'}", "not plain segments"),
        ] {
            let told = path(&format!("servers: [{urls}]\n"), "", "");
            let told = told.err().unwrap_or_default().concat();
            assert!(told.contains(expected), "{urls}: {told}");
        }
    }
}
