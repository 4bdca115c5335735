//! How time and memory grow with what a server is given: recipients, octets of a body, commands in one
//! burst, connections. All in memory; each point is the best of a few runs.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Buf;
use plotters::prelude::*;
use smtp_benches::corpus::Content;
use smtp_benches::results::{Table, publish};
use smtp_codec::Want;
use smtp_codec::server::{Config, Connection, Event};

/// What arrives at once.
const READ: usize = 16 * 1024;
const KIB: u64 = 1024;
const GIB: u64 = KIB * KIB * KIB;

/// One size of one thing.
struct Point {
    size: u64,
    /// Nanoseconds for one unit of it.
    each: f64,
    /// The most octets that the buffers of one connection held.
    buffered: usize,
}

struct Series {
    name: &'static str,
    unit: &'static str,
    points: Vec<Point>,
}

/// The server's end in memory, and what it held.
struct Driven {
    connection: Connection,
    buffered: usize,
    recipients: u64,
    content: u64,
    messages: u64,
}

impl Driven {
    fn new() -> io::Result<Self> {
        let config = Config::new("mx.example.org").map_err(io::Error::other)?;
        let connection = Connection::new(config.max_recipients(1_000_000).max_size(0));
        let mut driven = Driven { connection, buffered: 0, recipients: 0, content: 0, messages: 0 };
        driven.hear(b"EHLO client.example.net\r\n");
        Ok(driven)
    }

    /// Gives it all of `bytes`, as it takes them, and lets it answer.
    fn hear(&mut self, mut bytes: &[u8]) {
        self.answer();
        while !bytes.is_empty() {
            let n = self.connection.rx().receive(bytes);
            bytes = &bytes[n..];
            self.answer();
        }
    }

    fn answer(&mut self) {
        loop {
            self.buffered = self.buffered.max(self.connection.buffered());
            match self.connection.step() {
                Want::Event => match self.connection.event() {
                    Event::Rcpt(rcpt) => {
                        self.recipients += 1;
                        rcpt.accept();
                    }
                    Event::Body(bytes) => self.content += black_box(bytes).len() as u64,
                    Event::Message(message) => {
                        self.messages += 1;
                        message.accept();
                    }
                    other => other.proceed(),
                },
                want => {
                    let n = self.connection.tx().remaining();
                    self.connection.tx().advance(n);
                    if want != Want::Flush {
                        return;
                    }
                }
            }
        }
    }
}

/// The best of some runs, three at least. `run` says how long it took and what was held.
fn best(size: u64, mut run: impl FnMut() -> io::Result<(Duration, usize)>) -> io::Result<Point> {
    let (mut least, mut buffered) = (Duration::MAX, 0);
    let start = Instant::now();
    for number in 1..400 {
        let (took, held) = run()?;
        (least, buffered) = (least.min(took), buffered.max(held));
        if number >= 3 && start.elapsed() > Duration::from_millis(300) {
            break;
        }
    }
    Ok(Point { size, each: least.as_secs_f64() * 1e9 / size as f64, buffered })
}

/// How long `work` took. Where it is long enough for others to come between, it is the time on the
/// processor, which Linux tells.
fn timed(work: impl FnOnce()) -> Duration {
    let on_processor = || {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    };
    let before = on_processor();
    let start = Instant::now();
    work();
    let (took, after) = (start.elapsed(), on_processor());
    match before.zip(after).and_then(|(before, after)| after.checked_sub(before)) {
        Some(processor) if took > Duration::from_millis(50) => processor.min(took),
        _ => took,
    }
}

fn mismatch(what: &str) -> io::Error {
    io::Error::other(format!("the server did not take every {what}"))
}

/// One at a time, or all in one burst.
fn recipients(name: &'static str, sizes: &[u64], burst: bool) -> io::Result<Series> {
    let mut points = Vec::new();
    for size in sizes {
        let lines: Vec<String> =
            (0..*size).map(|n| format!("RCPT TO:<user{n:06}@example.com>\r\n")).collect();
        let all = lines.concat();
        points.push(best(*size, || {
            let mut driven = Driven::new()?;
            driven.hear(b"MAIL FROM:<alice@example.org>\r\n");
            let took = timed(|| {
                if burst {
                    all.as_bytes().chunks(READ).for_each(|piece| driven.hear(piece));
                } else {
                    lines.iter().for_each(|line| driven.hear(line.as_bytes()));
                }
            });
            if driven.recipients == *size {
                Ok((took, driven.buffered))
            } else {
                Err(mismatch(name))
            }
        })?);
    }
    Ok(Series { name, unit: "recipient", points })
}

/// Streamed: the same 16 KiB again and again.
fn bodies(sizes: &[u64]) -> io::Result<Series> {
    let piece = Content::SomeDotted.on_the_wire(READ);
    let piece = &piece[..piece.len() - 3];
    let mut points = Vec::new();
    for size in sizes {
        points.push(best(size / KIB, || {
            let mut driven = Driven::new()?;
            driven.hear(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
            let took = timed(|| {
                let mut left = *size;
                while left > 0 {
                    let part = usize::try_from(left).map_or(piece.len(), |n| n.min(piece.len()));
                    driven.hear(&piece[..part]);
                    left -= part as u64;
                }
                driven.hear(b"\r\n.\r\n");
            });
            if driven.messages == 1 { Ok((took, driven.buffered)) } else { Err(mismatch("body")) }
        })?);
    }
    Ok(Series { name: "octets of a body", unit: "KiB", points })
}

/// All open at the same time, each with one message, and then idle.
fn connections(sizes: &[u64]) -> io::Result<Series> {
    let message = Content::SomeDotted.on_the_wire(4096);
    let mut points = Vec::new();
    for size in sizes {
        points.push(best(*size, || {
            let mut open = (0..*size).map(|_| Driven::new()).collect::<io::Result<Vec<_>>>()?;
            let took = timed(|| {
                for driven in &mut open {
                    driven.hear(b"MAIL FROM:<a@example.org>\r\n");
                    driven.hear(b"RCPT TO:<b@example.com>\r\n");
                    driven.hear(b"DATA\r\n");
                    driven.hear(&message);
                    driven.connection.release();
                }
            });
            let idle = open.iter().map(|driven| driven.connection.buffered()).max().unwrap_or(0);
            if open.iter().any(|driven| driven.messages != 1) {
                return Err(mismatch("message"));
            }
            Ok((took, idle))
        })?);
    }
    Ok(Series { name: "connections, idle", unit: "session", points })
}

fn main() -> io::Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let powers = [1, 10, 100, 1000, 10_000, 100_000];
    let series = [
        recipients("recipients", &powers, false)?,
        recipients("commands in one burst", &powers[..5], true)?,
        bodies(&[KIB, 32 * KIB, KIB * KIB, 32 * KIB * KIB, GIB, 10 * GIB])?,
        connections(&powers[..5])?,
    ];
    let mut table = Table::new(&["", "size", "time", "for one", "of its least", "buffers"]);
    for Series { name, unit, points } in &series {
        let least = points.iter().map(|point| point.each).fold(f64::INFINITY, f64::min);
        for point in points {
            let size = if *unit == "KiB" { point.size * KIB } else { point.size };
            table.row([
                (*name).to_owned(),
                size.to_string(),
                format!("{:.1} ns", point.each),
                (*unit).to_owned(),
                format!("{:.2}", point.each / least),
                format!("{} KiB", point.buffered.div_ceil(1024)),
            ]);
        }
    }
    plot(&series).map_err(io::Error::other)?;
    let mut about = "How time for one, and the most that the buffers of one connection held, grow with \
        the size; whole server sessions in memory, the best of a few runs. A body of 1 KiB pays for its \
        end as a large one does. For idle connections it is what is held after release."
        .to_owned();
    let _ = write!(about, "\n\n![time for one against size](growth.svg)");
    publish("growth", &about, &table, "cargo bench --bench growth")
}

/// Time for one, relative to the least of its series, over the size.
fn plot(series: &[Series]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("growth.svg");
    let area = SVGBackend::new(&path, (640, 360)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Time for one, as a multiple of the least", ("sans-serif", 14))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(40)
        .build_cartesian_2d((1.0..2e7_f64).log_scale(), 0.0..4.0)?;
    chart.configure_mesh().x_desc("size (a body in KiB)").light_line_style(WHITE).draw()?;
    for (at, Series { name, points, .. }) in series.iter().enumerate() {
        let least = points.iter().map(|point| point.each).fold(f64::INFINITY, f64::min);
        let line = points.iter().map(|point| (point.size as f64, (point.each / least).min(4.0)));
        let colour = Palette99::pick(at).to_rgba();
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
