//! Every check there is, in order.

mod addresses;
mod arguments;
mod auth;
mod chunking;
mod commands;
mod dsn;
mod end_of_data;
mod floods;
mod greeting;
mod limits;
mod lmtp;
mod pipelining;
mod replies;
mod sequence;
mod tls;
mod utf8;

use super::check::{Check, Group, Row};

fn table(group: &'static Group, rows: &'static [Row], needs: &'static str) -> Vec<Check> {
    rows.iter().map(|row| Check::new(group, row, needs)).collect()
}

/// All checks; floods have so many octets each.
pub(super) fn all(flood: usize) -> Vec<Check> {
    let mut checks: Vec<Check> = [
        table(&greeting::GROUP, greeting::ROWS, ""),
        table(&commands::GROUP, commands::ROWS, ""),
        table(&arguments::GROUP, arguments::ROWS, ""),
        table(&addresses::GROUP, addresses::ROWS, ""),
        table(&sequence::GROUP, sequence::ROWS, ""),
        table(&pipelining::GROUP, pipelining::ROWS, "PIPELINING"),
        pipelining::more(),
        table(&end_of_data::GROUP, end_of_data::ROWS, ""),
        end_of_data::more(),
        table(&chunking::GROUP, chunking::ROWS, "CHUNKING"),
        chunking::more(),
        table(&tls::GROUP, tls::ROWS, "STARTTLS"),
        tls::more(),
        table(&auth::GROUP, auth::ROWS, ""),
        auth::more(),
        table(&dsn::GROUP, dsn::ROWS, "DSN"),
        dsn::more(),
        table(&utf8::GROUP, utf8::ROWS, "SMTPUTF8"),
        table(&arguments::GROUP, utf8::WITHOUT, ""),
        limits::checks(),
        table(&replies::GROUP, replies::ROWS, ""),
        table(&commands::GROUP, lmtp::SMTP, ""),
        table(&lmtp::GROUP, lmtp::ROWS, "lmtp"),
        table(&lmtp::FOREIGN, lmtp::OTHERS, ""),
        floods::checks(flood),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut groups: Vec<&str> = Vec::new();
    for check in &checks {
        if !groups.contains(&check.group.name) {
            groups.push(check.group.name);
        }
    }
    checks.sort_by_key(|check| groups.iter().position(|name| *name == check.group.name));
    checks
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::check::{At, Ends, Step};
    use super::super::want::What;
    use super::*;

    #[test]
    fn there_are_many_and_none_twice() {
        let checks = all(1 << 20);
        assert!(checks.len() >= 400, "{}", checks.len());
        let ids: HashSet<_> = checks.iter().map(|check| &check.id).collect();
        assert_eq!(ids.len(), checks.len(), "a name stands there twice");
        let mut seen = HashSet::new();
        for check in &checks {
            let what = format!("{:?} {:?} {:?}", check.at, check.script, check.needs);
            assert!(seen.insert(what), "{} does what another does", check.id);
        }
    }

    #[test]
    fn each_says_what_is_demanded_and_where_it_stands() {
        for check in all(1 << 20) {
            assert!(check.demand.len() > 10 && !check.demand.ends_with('.'), "{}", check.id);
            let (rfc, section) = check.source.split_once(' ').unwrap();
            assert!(rfc.parse::<u16>().is_ok() && !section.is_empty(), "{}", check.id);
            assert!(!check.script.is_empty(), "{} does nothing", check.id);
        }
    }

    /// A check that takes everything would be none.
    #[test]
    fn each_can_fail() {
        for check in all(1 << 20) {
            let mut wants = 0;
            for step in &check.script {
                let Step::Say { wants: some, .. } = step else { continue };
                for want in some {
                    wants += 1;
                    assert!(!want.pass.is_empty(), "{} wants nothing", check.id);
                    for token in want.pass.iter().chain(&want.risky) {
                        if let What::Code(digits) = &token.what {
                            let digit = |c: char| c.is_ascii_digit();
                            assert!((1..=3).contains(&digits.len()), "{}: {digits}", check.id);
                            assert!(digits.chars().all(digit), "{}: {digits}", check.id);
                        }
                    }
                }
            }
            let floods = check.script.iter().any(|step| matches!(step, Step::Flood(_)));
            assert!(wants > 0 || floods, "{}", check.id);
            assert!(check.ends == Ends::InStep || wants > 0, "{}", check.id);
        }
    }

    #[test]
    fn what_may_deliver_is_known() {
        for check in all(1 << 20) {
            let content = check.at == At::Data
                || check.group.name == "chunking"
                || check.id.contains("endless-text");
            assert!(!content || check.delivers(), "{}", check.id);
        }
    }
}
