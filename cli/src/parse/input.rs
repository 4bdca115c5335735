//! What stands on one line of the input.

use std::io::{self, BufRead};

use data_encoding::BASE64;

use crate::args::parse::{Kind, ParseArgs};

/// The longest line that is looked at, in octets; well above the base64 of the longest reply.
const LONGEST: usize = 1 << 20;

/// Reads one input: a line, or all lines of a reply where that was asked for. False at the end.
pub(super) fn read(
    args: &ParseArgs,
    input: &mut dyn BufRead,
    all: &mut Vec<u8>,
) -> io::Result<bool> {
    if !args.multiline {
        return read_line(input, all);
    }
    all.clear();
    let (mut line, mut read) = (Vec::new(), false);
    while read_line(input, &mut line)? {
        if std::mem::replace(&mut read, true) && all.len() <= LONGEST {
            all.extend(b"\r\n");
        }
        let room = (LONGEST + 1).saturating_sub(all.len());
        all.extend(line.iter().take(room));
        if line.get(3) != Some(&b'-') {
            break;
        }
    }
    Ok(read)
}

/// Reads one line without its LF or CRLF. False at the end of the input.
///
/// Of a line that is too long, one octet more than [`LONGEST`] is kept and the rest is skipped.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut read = false;
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(read);
        }
        read = true;
        let (piece, used, ended) = match memchr::memchr(b'\n', buffer) {
            Some(end) => (buffer.get(..end).unwrap_or_default(), end + 1, true),
            None => (buffer, buffer.len(), false),
        };
        let room = (LONGEST + 1).saturating_sub(line.len());
        line.extend(piece.iter().take(room));
        input.consume(used);
        if ended {
            if line.last() == Some(&b'\r') && line.len() <= LONGEST {
                line.pop();
            }
            return Ok(true);
        }
    }
}

/// The bytes to parse.
pub(super) fn decode<'a>(
    args: &ParseArgs,
    line: &'a mut Vec<u8>,
) -> Result<&'a [u8], &'static str> {
    if line.len() > LONGEST {
        return Err(if args.multiline {
            "the reply is longer than 1 MiB"
        } else {
            "the line is longer than 1 MiB"
        });
    }
    if args.base64 {
        *line = BASE64.decode(line).map_err(|_| "the line is not base64")?;
    } else if matches!(args.kind, Kind::Reply | Kind::Ehlo) {
        line.extend(b"\r\n");
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(input: &[u8], capacity: usize) -> Vec<Vec<u8>> {
        let (mut input, mut line) = (BufReader::with_capacity(capacity, input), Vec::new());
        let mut lines = Vec::new();
        while read_line(&mut input, &mut line).unwrap() {
            lines.push(line.clone());
        }
        lines
    }

    #[test]
    fn lines_end_by_lf_or_crlf_wherever_the_buffer_ends() {
        for capacity in 1..12 {
            assert_eq!(lines(b"", capacity), [b""; 0]);
            assert_eq!(
                lines(b"a\r\n\r\n\nb\rc\r\r\nlast", capacity),
                [&b"a"[..], b"", b"", b"b\rc\r", b"last"]
            );
        }
    }

    #[test]
    fn long_lines_are_cut_and_the_next_is_whole() {
        let mut input = vec![b'x'; 3 * LONGEST];
        input.extend(b"\r\nnext");
        let lines = lines(&input, 8192);
        assert_eq!(lines[0].len(), LONGEST + 1);
        assert_eq!(lines[1..], [b"next"]);
    }
}
