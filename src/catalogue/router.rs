//! From a method and a path to an operation: a tree of path segments. A literal segment wins over a
//! parameter, the leftmost first (OpenAPI 3.1, section 4.8.8.1, "Path Templating Matching").

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use super::operation::Operation;

/// An operation and what stood in the places of its path parameters.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Path parameters by name, in order, as they stand in the path: never empty, not decoded.
    pub parameters: Vec<(Arc<str>, String)>,
}

/// All operations by method and path.
#[derive(Clone, Debug, Default)]
pub(super) struct Router {
    trees: HashMap<Method, Branch>,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    literals: HashMap<Box<str>, Branch>,
    parameter: Option<Box<Branch>>,
    leaf: Option<Leaf>,
}

#[derive(Clone, Debug)]
struct Leaf {
    operation: Arc<Operation>,
    names: Arc<[Arc<str>]>,
}

impl Router {
    /// Adds an operation; gives back the one that already answers exactly the same paths.
    pub(super) fn add(&mut self, operation: &Arc<Operation>) -> Result<(), Arc<Operation>> {
        let mut branch = self.trees.entry(operation.method.clone()).or_default();
        let mut names = Vec::new();
        for segment in segments(&operation.path) {
            branch = match parameter_name(segment) {
                Some(name) => {
                    names.push(Arc::from(name));
                    branch.parameter.get_or_insert_default()
                }
                None => branch.literals.entry(segment.into()).or_default(),
            };
        }
        match &branch.leaf {
            Some(leaf) => Err(leaf.operation.clone()),
            None => {
                branch.leaf = Some(Leaf {
                    operation: operation.clone(),
                    names: names.into(),
                });
                Ok(())
            }
        }
    }

    /// The operation that answers this method and canonical path (without query). HEAD is answered
    /// by GET.
    pub(super) fn route(&self, method: &Method, path: &str) -> Option<Routed> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let mut values = Vec::new();
        let tree = self.trees.get(method)?;
        let leaf = tree.find(path.strip_prefix('/'), &mut values)?;
        let values = values.into_iter().map(str::to_owned);
        Some(Routed {
            operation: leaf.operation.clone(),
            parameters: leaf.names.iter().cloned().zip(values).collect(),
        })
    }
}

impl Branch {
    /// Each branch is visited at most once, so a path costs no more than the tree has branches.
    fn find<'path>(&self, rest: Option<&'path str>, values: &mut Vec<&'path str>) -> Option<&Leaf> {
        let Some(rest) = rest else {
            return self.leaf.as_ref();
        };
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let literal = self.literals.get(segment);
        if let Some(leaf) = literal.and_then(|branch| branch.find(after, values)) {
            return Some(leaf);
        }
        let parameter = self.parameter.as_ref().filter(|_| !segment.is_empty())?;
        values.push(segment);
        let leaf = parameter.find(after, values);
        if leaf.is_none() {
            values.pop();
        }
        leaf
    }
}

/// The segments of a path template or path.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/')
        .into_iter()
        .flat_map(|rest| rest.split('/'))
}

/// The name of the parameter that this whole segment of a template is.
pub(super) fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terms::Channel;

    fn operation(path: &str) -> Arc<Operation> {
        Arc::new(Operation {
            id: path.into(),
            service: "test".into(),
            method: Method::GET,
            path: path.into(),
            channel: Channel::Record,
            purposes: Vec::new(),
            parameters: Vec::new(),
            request: None,
            answers: Vec::new(),
            creates: None,
            alternative: None,
            refusal: None,
        })
    }

    fn router(paths: &[String]) -> (Router, Vec<String>) {
        let mut router = Router::default();
        let mut added = Vec::new();
        for path in paths {
            if router.add(&operation(path)).is_ok() {
                added.push(path.clone());
            }
        }
        (router, added)
    }

    /// Every template is compared; of those that match, the one with the earlier literals wins.
    fn naive<'a>(templates: &'a [String], path: &str) -> Option<&'a String> {
        let path: Vec<_> = segments(path).collect();
        let fits = |template: &&String| {
            let template: Vec<_> = segments(template).collect();
            let pairs = template.iter().zip(&path);
            template.len() == path.len()
                && pairs.into_iter().all(|(part, segment)| {
                    part == segment || (parameter_name(part).is_some() && !segment.is_empty())
                })
        };
        let rank = |template: &&String| {
            segments(template)
                .map(|part| parameter_name(part).is_some())
                .collect::<Vec<_>>()
        };
        templates.iter().filter(fits).min_by_key(rank)
    }

    fn path(segment: &'static str) -> impl Strategy<Value = String> {
        prop::collection::vec(segment, 1..5).prop_map(|parts| format!("/{}", parts.join("/")))
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_comparing_every_template_finds(
            templates in prop::collection::vec(path(r"a|b|\{x\}"), 1..12),
            asked in path("a|b|c|"),
        ) {
            let (router, added) = router(&templates);
            let found = router.route(&Method::GET, &asked);
            let found = found.map(|routed| routed.operation.id.to_string());
            prop_assert_eq!(found.as_ref(), naive(&added, &asked));
        }
    }

    #[test]
    fn parameters_keep_their_names_and_values_and_head_is_get() {
        let (router, _) = router(&["/v1/jobs/{job_id}/pieces/{piece}".to_owned()]);
        let routed = router
            .route(&Method::HEAD, "/v1/jobs/job_1/pieces/2")
            .unwrap();
        let named = |name: &str, value: &str| (Arc::from(name), value.to_owned());
        assert_eq!(
            routed.parameters,
            [named("job_id", "job_1"), named("piece", "2")]
        );
        for absent in [
            "/v1/jobs//pieces/2",
            "/v1/jobs/job_1/pieces/2/",
            "v1",
            "",
            "/",
        ] {
            assert!(router.route(&Method::GET, absent).is_none(), "{absent}");
        }
        assert!(
            router
                .route(&Method::POST, "/v1/jobs/job_1/pieces/2")
                .is_none()
        );
    }

    #[test]
    fn two_operations_cannot_answer_the_same_paths() {
        let (_, added) = router(&["/a/{x}".to_owned(), "/a/{y}".to_owned()]);
        assert_eq!(added, ["/a/{x}"]);
    }
}
