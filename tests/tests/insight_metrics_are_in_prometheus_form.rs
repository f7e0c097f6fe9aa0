//! What is given to Prometheus is in its text format: each family has its help and type in front,
//! its samples stand together, counters never go down, histograms add up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use runtime::insight::{metrics_json, prometheus};
use runtime::{Builder, Handle};
use tests::{eventually, workers};

/// The samples by name and labels, and the types of the families. Fails on what is not in the form.
fn parse(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    assert!(text.ends_with('\n'));
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    let (mut family, mut has_help) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(has_help.insert(name.to_owned()), "twice: {line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(has_help.contains(name), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            family = name.to_owned();
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap();
        let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} of {family}"));
        match types[&family].as_str() {
            "histogram" => assert!(["_bucket", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        let mut rest = &line[name.len()..];
        if let Some(mut labels) = rest.strip_prefix('{') {
            let mut seen = BTreeSet::new();
            loop {
                let (label, value) = labels.split_once("=\"").unwrap();
                assert!(is_name(label) && seen.insert(label), "{line}");
                let (mut end, mut escaped) = (None, false);
                for (at, c) in value.char_indices() {
                    match c {
                        _ if escaped => {
                            assert!("\\\"n".contains(c), "{line}");
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        '"' => {
                            end = Some(at);
                            break;
                        }
                        _ => {}
                    }
                }
                let after = &value[end.unwrap() + 1..];
                match after.strip_prefix(',') {
                    Some(more) => labels = more,
                    None => {
                        rest = after.strip_prefix('}').unwrap();
                        break;
                    }
                }
            }
        }
        let value: f64 = rest.strip_prefix(' ').unwrap().parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{line}");
        let key = line[..line.len() - rest.len()].to_owned();
        assert!(samples.insert(key, value).is_none(), "twice: {line}");
    }
    (samples, types)
}

fn two() -> (runtime::Runtime, runtime::Runtime, [Handle; 2]) {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().name("a \"name\"\nof \\ two lines");
    builder.enable_metrics_poll_time_histogram();
    let (first, second) = (builder.build().unwrap(), workers(1));
    let handles = [first.handle().clone(), second.handle().clone()];
    (first, second, handles)
}

#[test]
fn each_family_stands_together_under_its_type() {
    let (first, _second, handles) = two();
    first.block_on(async { runtime::task::spawn_pinned(|| async {}).await.unwrap() });
    let (samples, types) = parse(&prometheus(&handles));
    let of =
        |name: &str| samples.keys().filter(|key| key.split('{').next().unwrap() == name).count();
    assert_eq!((of("runtime_workers"), of("runtime_worker_polls_total")), (2, 3));
    assert_eq!(types["runtime_worker_busy_seconds_total"], "counter");
    assert_eq!(types["runtime_worker_poll_duration_seconds"], "histogram");
    assert!(of("runtime_pinned_thread_tasks") >= 1);
    let name = r#"runtime="a \"name\"\nof \\ two lines""#;
    assert!(samples.keys().any(|key| key.contains(name)), "{samples:?}");
    #[cfg(target_os = "linux")]
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_threads",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    ] {
        assert!(samples.contains_key(name), "{name}");
    }
    // None at all: only the process.
    let (samples, _) = parse(&prometheus(&[]));
    assert!(samples.keys().all(|key| key.starts_with("process_")));
}

#[test]
fn counters_grow_and_histograms_add_up() {
    let (first, _second, handles) = two();
    let (before, types) = parse(&prometheus(&handles));
    first.block_on(async {
        for _ in 0..100 {
            let sleeps = async { runtime::time::sleep(Duration::from_micros(100)).await };
            runtime::spawn(sleeps).await.unwrap();
        }
    });
    let sum = |samples: &BTreeMap<String, f64>, start: &str| -> f64 {
        samples.iter().filter(|(key, _)| key.starts_with(start)).map(|(_, value)| value).sum()
    };
    // A worker counts some things when it goes to sleep.
    eventually("all polls are counted", || {
        let (now, _) = parse(&prometheus(&handles));
        let counted = sum(&now, "runtime_worker_poll_duration_seconds_count{");
        counted >= 200.0 && counted == sum(&now, "runtime_worker_polls_total{")
    });
    let (after, _) = parse(&prometheus(&handles));
    for (key, value) in &after {
        let family = key.split('{').next().unwrap();
        if types.get(family).is_some_and(|kind| kind == "counter") {
            assert!(*value >= before[key], "{key}: {} {value}", before[key]);
        }
    }
    assert!(sum(&after, "runtime_tasks_spawned_total{") >= 100.0);
    // Each bucket has all before it, and the last has all.
    for worker in ["0", "1"] {
        let start = "runtime_worker_poll_duration_seconds";
        let is_own = |key: &str| key.contains(&format!("worker=\"{worker}\""));
        let mut buckets: Vec<(f64, f64)> = after
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{start}_bucket{{")) && is_own(key))
            .map(|(key, count)| {
                let le = key.split("le=\"").nth(1).unwrap().trim_end_matches("\"}");
                (le.replace("+Inf", "inf").parse().unwrap(), *count)
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(buckets.len(), 10);
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{buckets:?}");
        assert_eq!(buckets[9].0, f64::INFINITY);
        let count = after
            .iter()
            .find(|(key, _)| key.starts_with(&format!("{start}_count{{")) && is_own(key));
        assert_eq!(buckets[9].1, *count.unwrap().1);
    }
}

#[test]
fn and_the_same_numbers_are_in_json() {
    let (_first, _second, handles) = two();
    let (samples, types) = parse(&prometheus(&handles));
    let json: serde_json::Value = serde_json::from_str(&metrics_json(&handles)).unwrap();
    let all = json["runtimes"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["name"], "a \"name\"\nof \\ two lines");
    for name in types.keys() {
        let numbers = if let Some(name) = name.strip_prefix("runtime_pinned_thread_") {
            &all[0]["per_pinned_thread"][0][name]
        } else if let Some(name) = name.strip_prefix("runtime_worker_") {
            &all[0]["per_worker"][1][name]
        } else if let Some(name) = name.strip_prefix("runtime_") {
            &all[0][name]
        } else {
            &json["process"][name]
        };
        assert!(!numbers.is_null(), "{name}");
        if types[name] == "histogram" {
            assert_eq!(numbers.as_array().unwrap().len(), 10, "{name}");
        }
    }
    assert!(samples.len() > 60, "{}", samples.len());
}
