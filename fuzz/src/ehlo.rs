//! The reply to EHLO: read line by line in the plainest words, and written from what is offered.

use arbitrary::{Arbitrary, Unstructured};
use smtp_codec::proto::reply::{
    Capabilities, Capability, Extension, Extensions, Reply, SmtpLimits, write_ehlo_reply,
};

/// A reply is what begins with a digit; anything else are values to build one from.
pub fn ehlo(input: &[u8]) {
    if input.first().is_some_and(u8::is_ascii_digit) {
        if let Ok(reply) = Reply::parse(input) {
            read(reply);
        }
    } else {
        let _ = build(&mut Unstructured::new(input));
    }
}

fn read(reply: Reply<'_>) {
    let capabilities = Capabilities::new(reply);
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let lines: Vec<&[u8]> = reply.lines().map(trim).collect();
    let (first, rest) = lines.split_first().expect("a line");
    assert_eq!(capabilities.domain(), first.split(blank).next().unwrap_or_default());
    assert!(first.ends_with(capabilities.greeting()));
    let mut expected = Vec::new();
    for line in rest.iter().filter(|line| !line.is_empty()) {
        // A way of writing that is older than the RFC.
        let old = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH="));
        let mut words = line.split(blank).filter(|word| !word.is_empty());
        let keyword = if old { line.get(..4) } else { words.next() }.unwrap_or_default();
        let arguments: Vec<&[u8]> = match old {
            true => {
                let rest = line.get(5..).unwrap_or_default();
                rest.split(blank).filter(|word| !word.is_empty()).collect()
            }
            false => words.collect(),
        };
        expected.push((keyword, arguments));
    }
    let found: Vec<(&[u8], Vec<&[u8]>)> =
        capabilities.iter().map(|it| (it.keyword(), it.arguments().collect())).collect();
    assert_eq!(found, expected, "{}", reply.as_bytes().escape_ascii());
    let offered = capabilities.extensions();
    for extension in Extension::ALL {
        let first = expected
            .iter()
            .find(|(keyword, _)| keyword.eq_ignore_ascii_case(extension.keyword().as_bytes()));
        if *extension != Extension::Limits {
            assert_eq!(offered.contains(*extension), first.is_some(), "{extension}");
        }
        let number = first.and_then(|(_, arguments)| arguments.first()).and_then(|it| plain(it));
        match extension {
            Extension::Size => assert_eq!(offered.size(), first.map(|_| number.unwrap_or(0))),
            Extension::FutureRelease => assert_eq!(
                offered.future_release(),
                first.map(|_| number.and_then(|it| it.try_into().ok()).unwrap_or(0))
            ),
            Extension::DeliverBy => assert_eq!(
                offered.deliver_by(),
                first.map(|_| number.and_then(|it| it.try_into().ok()).unwrap_or(0))
            ),
            _ => {}
        }
    }
    let mechanisms: Vec<&[u8]> = expected
        .iter()
        .filter(|(keyword, _)| keyword.eq_ignore_ascii_case(b"AUTH"))
        .flat_map(|(_, arguments)| arguments.clone())
        .collect();
    assert_eq!(capabilities.mechanisms().collect::<Vec<_>>(), mechanisms);
}

/// Without the spaces and tabs around it.
fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let end = text.iter().rposition(is_text).map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or_default()
}

fn plain(text: &[u8]) -> Option<u64> {
    // RFC 1870 section 3: twenty digits at most.
    let digits = text.len() <= 20 && text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn build(values: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut offered = Extensions::NONE;
    for _ in 0..values.int_in_range(0..=12)? {
        offered = offered.with(*values.choose(Extension::ALL)?);
        match values.int_in_range(0..=7)? {
            0 => offered = offered.with_size(u64::arbitrary(values)?),
            1 => offered = offered.with_future_release(u32::arbitrary(values)?),
            2 => offered = offered.with_deliver_by(u32::arbitrary(values)?),
            3 => {
                let mut limits = SmtpLimits::default();
                limits.mail_max = Option::arbitrary(values)?;
                limits.rcpt_max = Option::arbitrary(values)?;
                limits.rcpt_domain_max = Option::arbitrary(values)?;
                offered = offered.with_limits(limits);
            }
            4 => offered = offered.without(*values.choose(Extension::ALL)?),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    for _ in 0..values.int_in_range(0..=3)? {
        let keyword = match values.ratio(1, 2)? {
            true => values.choose(Extension::ALL)?.keyword(),
            false => <&str>::arbitrary(values)?,
        };
        texts.push((keyword, <&str>::arbitrary(values)?));
    }
    let more: Vec<Capability<'_>> =
        texts.iter().filter_map(|(keyword, text)| Capability::new(keyword, text).ok()).collect();
    let domain = <&str>::arbitrary(values)?;
    let mut written = Vec::new();
    if write_ehlo_reply(&mut written, domain, &offered, &more).is_err() {
        assert!(written.is_empty(), "half a reply");
        return Ok(());
    }
    let lines = written.split_inclusive(|byte| *byte == b'\n');
    assert!(lines.into_iter().all(|line| line.len() <= 512 && line.ends_with(b"\r\n")));
    let reply = Reply::parse(&written).expect("a reply");
    read(reply);
    let found = Capabilities::new(reply).extensions();
    for extension in Extension::ALL {
        let given = more.iter().find(|it| it.kind() == Some(*extension));
        let needs_text = match extension {
            Extension::Auth | Extension::FutureRelease => true,
            Extension::Limits => offered.limits() == SmtpLimits::default(),
            _ => false,
        };
        if !offered.contains(*extension) || needs_text && given.is_none() {
            assert!(!found.contains(*extension), "{extension}");
        } else if given.is_none() {
            assert!(found.contains(*extension), "{extension}");
        }
    }
    if more.iter().all(|it| it.kind().is_none()) {
        assert_eq!(found.size(), offered.size());
        assert_eq!(found.limits(), offered.limits());
        assert_eq!(found.deliver_by(), offered.deliver_by());
    }
    Ok(())
}
