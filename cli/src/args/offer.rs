//! Extensions that are offered because somebody asked for it.

use smtp_codec::proto::command::DateTime;
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Config, PriorityProfile};

/// An extension with what its EHLO line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    FutureRelease(u32, DateTime),
    DeliverBy(u32),
    Priorities(PriorityProfile),
    Bare(Extension),
}

const KNOWN: &str = "name FUTURERELEASE=SECONDS, DELIVERBY, MT-PRIORITY, RRVS, MTRK, SUBMITTER or \
                     REQUIRETLS";

impl Offer {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (keyword, value) = match text.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (text, None),
        };
        let extension = Extension::from_keyword(keyword.as_bytes()).ok_or(KNOWN)?;
        match (extension, value) {
            (Extension::FutureRelease, Some(value)) => {
                let (seconds, until) = value.split_once(',').unwrap_or((value, LAST));
                seconds
                    .parse()
                    .ok()
                    .filter(|seconds| *seconds <= MOST)
                    .zip(DateTime::parse(until))
                    .map(|(seconds, until)| Offer::FutureRelease(seconds, until))
                    .ok_or("write FUTURERELEASE=86400 or FUTURERELEASE=86400,2030-01-01T00:00:00Z")
            }
            (Extension::DeliverBy, Some(value)) => value
                .parse()
                .ok()
                .filter(|seconds| *seconds <= MOST)
                .map(Offer::DeliverBy)
                .ok_or("write DELIVERBY, or DELIVERBY=60 for a minimum in seconds"),
            (Extension::MtPriority, Some(value)) => {
                let profiles =
                    [PriorityProfile::Mixer, PriorityProfile::Stanag4406, PriorityProfile::Nsep];
                let named = profiles.into_iter().find(|it| value.eq_ignore_ascii_case(it.as_str()));
                named.map(Offer::Priorities).ok_or("the profiles are MIXER, STANAG4406 and NSEP")
            }
            (
                Extension::DeliverBy
                | Extension::MtPriority
                | Extension::Rrvs
                | Extension::Mtrk
                | Extension::Submitter
                | Extension::RequireTls,
                None,
            ) => Ok(Offer::Bare(extension)),
            _ => Err(KNOWN),
        }
    }

    /// The same server, with the extension.
    pub(crate) fn add_to(self, config: Config) -> Config {
        match self {
            Offer::FutureRelease(seconds, until) => config.future_release(seconds, until),
            Offer::DeliverBy(seconds) => config.deliver_by(seconds),
            Offer::Priorities(profile) => config.priorities(profile),
            Offer::Bare(extension) => config.with(extension),
        }
    }
}

/// RFC 4865 section 3 and RFC 2852 section 3: nine digits.
const MOST: u32 = 999_999_999;

/// Until when a message may be held, where nothing is said of it.
const LAST: &str = "9999-12-31T23:59:59Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_offered() {
        let until = |text| DateTime::parse(text).unwrap();
        for (text, offer) in [
            ("FUTURERELEASE=60", Offer::FutureRelease(60, until(LAST))),
            (
                "futurerelease=60,2030-01-01T00:00:00Z",
                Offer::FutureRelease(60, until("2030-01-01T00:00:00Z")),
            ),
            ("DELIVERBY", Offer::Bare(Extension::DeliverBy)),
            ("DELIVERBY=240", Offer::DeliverBy(240)),
            ("MT-PRIORITY", Offer::Bare(Extension::MtPriority)),
            ("mt-priority=nsep", Offer::Priorities(PriorityProfile::Nsep)),
            ("RRVS", Offer::Bare(Extension::Rrvs)),
        ] {
            assert_eq!(Offer::parse(text), Ok(offer), "{text}");
        }
    }

    #[test]
    fn what_cannot() {
        for text in [
            "",
            "=",
            "FUTURERELEASE",
            "FUTURERELEASE=",
            "FUTURERELEASE=1000000000",
            "FUTURERELEASE=60,tomorrow",
            "DELIVERBY=soon",
            "MT-PRIORITY=HIGH",
            "RRVS=1",
            "SIZE=5",
            "AUTH",
            "STARTTLS",
            "X-FOO",
        ] {
            assert!(Offer::parse(text).is_err(), "{text}");
        }
    }
}
