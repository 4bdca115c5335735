//! What a recorder counts.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};

mod common;

#[derive(Default)]
struct Cell(AtomicU64);

impl CounterFn for Cell {
    fn increment(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    fn absolute(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
}

/// Counts how often it went up, in thousands, and down.
impl GaugeFn for Cell {
    fn increment(&self, n: f64) {
        assert!((n - 1.0).abs() < f64::EPSILON);
        self.0.fetch_add(1000, Relaxed);
    }

    fn decrement(&self, n: f64) {
        assert!((n - 1.0).abs() < f64::EPSILON);
        self.0.fetch_add(1, Relaxed);
    }

    fn set(&self, _: f64) {}
}

#[derive(Default)]
struct Cells(Mutex<BTreeMap<String, Arc<Cell>>>);

impl Cells {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels = key.labels().map(|label| format!(" {}", label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }
}

impl Recorder for Cells {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn both_sides_are_counted() {
    let cells = Cells::default();
    metrics::with_local_recorder(&cells, || {
        common::talk();
        common::talk();
    });
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (name, cell) in cells.0.lock().unwrap().iter() {
        counted.insert(name.clone(), cell.0.load(Relaxed));
    }
    let octets: Vec<u64> = ["sent_total server", "received_total client"]
        .iter()
        .map(|end| counted.remove(&format!("smtp_octets_{end}")).unwrap())
        .collect();
    assert!(octets[0] == octets[1] && octets[0] > 400, "{octets:?}");
    let octets: Vec<u64> = ["sent_total client", "received_total server"]
        .iter()
        .map(|end| counted.remove(&format!("smtp_octets_{end}")).unwrap())
        .collect();
    assert!(octets[0] == octets[1] && octets[0] > 200, "{octets:?}");
    let mut expected = BTreeMap::new();
    for side in ["server", "client"] {
        let mut expect = |name: &str, labels: &str, n: u64| {
            expected.insert(format!("smtp_{name} {side}{labels}"), n);
        };
        expect("sessions", "", 2002);
        expect("sessions_total", "", 2);
        expect("sessions_closed_total", " Quit", 2);
        expect("transactions_total", "", 2);
        expect("recipients_total", " 2yz", 2);
        expect("recipients_total", " 5yz", 2);
        expect("messages_total", " 2yz", 2);
        expect("message_octets_total", "", if side == "server" { 14 } else { 0 });
        expect("auth_total", " 2yz", 2);
        // Greeting, EHLO, AUTH, MAIL, RCPT, BDAT, QUIT.
        expect("replies_total", " 2yz", 14);
        expect("replies_total", " 5yz", 2);
    }
    assert_eq!(counted, expected);
}
