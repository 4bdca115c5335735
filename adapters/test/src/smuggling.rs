//! Ends of content that are none.

use crate::client::Client;
use crate::expect::fail;
use crate::transcript::visible;

/// Octets that some servers were known to take for the end of the content, and that are not: only
/// CR LF `.` CR LF is (RFC 5321 section 4.1.1.4).
pub const SMUGGLING: [&[u8]; 14] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\n\r\n",
    b"\r\n \r\n. \r\n",
    b"\x85.\x85",
];

impl Client {
    /// Delivers a message whose content holds `end` and then another transaction, and says QUIT. A
    /// server that takes `end` for the end of the content answers more than once. It may refuse the
    /// message.
    ///
    /// # Panics
    ///
    /// Where the server was deceived, or refuses before the content.
    #[track_caller]
    pub fn smuggle(mut self, from: &str, to: &str, end: &[u8]) {
        self.hello();
        let open = format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        for line in open.lines() {
            let start = if line == "DATA" { "354" } else { "250" };
            self.ask(line).expect(start);
        }
        self.raw("Subject: one\r\n\r\none");
        self.raw(end);
        self.raw(&open).raw("Subject: two\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n");
        let rest = self.rest();
        let rest = String::from_utf8_lossy(&rest);
        let is_final = |line: &&str| line.as_bytes().get(3) != Some(&b'-');
        let replies = rest.lines().filter(is_final).filter(|line| !line.starts_with("221"));
        if replies.count() != 1 {
            let why = format!("the server took {:?} for the end of the content", visible(end));
            fail(&why, self.transcript());
        }
    }
}
