//! What every message holds: made once, lent to all.

/// Octets of a line, its CRLF not counted.
const LINE: usize = 76;

/// One line in so many begins with a dot, which has to be stuffed.
const DOTTED: usize = 32;

const HEADER: &[u8] = b"From: <bench@example.org>\r\nTo: <bench@example.org>\r\n\
                        Subject: A message of smtp bench\r\n\r\n";

/// Exactly `size` octets: a header section if there is room for it, then full lines, of which the
/// last is as long as is left. Only content of one octet does not end in CRLF.
pub(super) fn make(size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size);
    if size >= HEADER.len() + LINE {
        content.extend_from_slice(HEADER);
    }
    for number in 1.. {
        let left = size - content.len();
        // An octet must not be left alone: a line has two at least.
        let len = match left {
            0 => break,
            1 => 1,
            _ if left == LINE + 3 => LINE - 1,
            _ => LINE.min(left - 2),
        };
        let filling = (b'a'..=b'z').cycle().skip(number % 26).take(len);
        let from = content.len();
        content.extend(filling);
        if number % DOTTED == 0
            && let Some(first) = content.get_mut(from)
        {
            *first = b'.';
        }
        if left > 1 {
            content.extend_from_slice(b"\r\n");
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_met_in_whole_lines() {
        for size in (0..1000).chain([4096, 65_536]) {
            let content = make(size);
            assert_eq!(content.len(), size);
            let text = String::from_utf8(content).unwrap();
            assert!(size < 2 || text.ends_with("\r\n"), "{size}");
            let lines = text.split_terminator("\r\n");
            assert!(lines.clone().all(|line| line.len() <= LINE && !line.contains(['\r', '\n'])));
        }
    }

    #[test]
    fn there_is_a_header_and_some_dots() {
        let text = String::from_utf8(make(4096)).unwrap();
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(header.lines().count(), 3);
        assert_eq!(body.lines().filter(|line| line.starts_with('.')).count(), 1);
    }
}
