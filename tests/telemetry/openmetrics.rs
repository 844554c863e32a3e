//! A strict reader of OpenMetrics 1.0 text, as far as counters, gauges and histograms go.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Everything that is wrong ends the test.
pub(crate) fn parse(text: &str) -> Vec<Sample> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    assert!(!body.contains("# EOF"), "# EOF twice");
    let mut kinds = BTreeMap::new();
    let mut current = String::new();
    let mut samples = Vec::new();
    let mut seen = BTreeSet::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, family) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap_or_default();
            check_name(family);
            match word {
                "TYPE" => {
                    let kind = ["counter", "gauge", "histogram"]
                        .iter()
                        .find(|kind| **kind == rest);
                    let first = kinds.insert(family.to_owned(), *kind.expect(line));
                    assert!(first.is_none(), "{line}: twice");
                }
                "UNIT" => assert!(family.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => {}
                _ => panic!("neither TYPE, UNIT nor HELP: {line}"),
            }
            family.clone_into(&mut current);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let sample = Sample {
            name: series.split('{').next().unwrap().to_owned(),
            labels: labels(series),
            value: value.parse().expect(line),
        };
        check_name(&sample.name);
        let suffixes: &[&str] = match *kinds.get(&current).expect(line) {
            "counter" => &["_total"],
            "gauge" => &[""],
            _ => &["_bucket", "_count", "_sum"],
        };
        let suffix = sample.name.strip_prefix(current.as_str()).expect(line);
        assert!(suffixes.contains(&suffix), "{line} among {current}");
        assert_eq!(
            suffix == "_bucket",
            sample.labels.contains_key("le"),
            "{line}"
        );
        assert!(sample.value >= 0.0 && sample.value.is_finite(), "{line}");
        assert!(seen.insert(series.to_owned()), "{line}: twice");
        samples.push(sample);
    }
    check_histograms(&samples);
    samples
}

fn check_name(name: &str) {
    let sound = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(sound && name.starts_with("covenant_"), "{name}");
}

fn labels(series: &str) -> BTreeMap<String, String> {
    let Some((_, rest)) = series.split_once('{') else {
        return BTreeMap::new();
    };
    let mut rest = rest.strip_suffix('}').expect(series);
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect(series);
        // No label of ours holds what would have to be escaped.
        let (value, after) = after.split_once('"').expect(series);
        assert!(!value.contains(['\\', '\n']), "{series}");
        assert!(
            labels.insert(name.to_owned(), value.to_owned()).is_none(),
            "{series}"
        );
        rest = match after.strip_prefix(',') {
            Some("") => panic!("a comma too many: {series}"),
            Some(more) => more,
            None => {
                assert_eq!(after, "", "{series}");
                after
            }
        };
    }
    labels
}

/// Buckets rise to `+Inf`, which is the count.
fn check_histograms(samples: &[Sample]) {
    let counts = samples
        .iter()
        .filter(|sample| sample.name.ends_with("_count"));
    for count in counts {
        let bucket = count.name.replace("_count", "_bucket");
        let (mut last, mut bound) = (0.0, f64::NEG_INFINITY);
        for sample in samples.iter().filter(|sample| sample.name == bucket) {
            let mut labels = sample.labels.clone();
            let le = labels.remove("le").unwrap();
            if labels != count.labels {
                continue;
            }
            let le = if le == "+Inf" {
                f64::INFINITY
            } else {
                le.parse().unwrap()
            };
            assert!(le > bound && sample.value >= last, "{sample:?}");
            (last, bound) = (sample.value, le);
        }
        assert!(bound.is_infinite(), "{bucket} without +Inf");
        assert!((last - count.value).abs() < 0.5, "{bucket} ends at {last}");
    }
}
