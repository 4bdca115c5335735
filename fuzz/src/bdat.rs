//! Chunks: any of them, with commands between, against a model of RFC 3030 in a few lines.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Buf;
use smtp_codec::proto::reply::Refusal;
use smtp_codec::server::{Config, Connection, Event, Limits, Want};

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Move<'a> {
    /// A chunk, whether it is the last, and what the application says to it or to the message.
    Chunk {
        octets: &'a [u8],
        last: bool,
        data: Answer,
        end: Answer,
    },
    Mail {
        binary: bool,
    },
    Rcpt {
        answer: Answer,
    },
    Rset,
    Noop,
    Data,
    Ehlo,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    YesToo,
    No,
    Later,
}

impl Answer {
    fn refusal(self) -> Option<Refusal<'static>> {
        match self {
            Answer::Yes | Answer::YesToo => None,
            Answer::No => Some(Refusal::POLICY),
            Answer::Later => Some(Refusal::TRY_LATER),
        }
    }

    fn code(self) -> u16 {
        self.refusal().map_or(250, |refusal| refusal.code().get())
    }
}

/// Where RFC 3030 section 2 has a session be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Idle,
    Open {
        recipients: usize,
        binary: bool,
    },
    Chunks {
        recipients: usize,
        content: Vec<u8>,
    },
}

#[derive(Debug, Default)]
struct Model {
    place: Place,
    codes: Vec<u16>,
    stored: Vec<Vec<u8>>,
    most: Option<usize>,
    lmtp: bool,
}

impl Model {
    fn play(&mut self, play: Move<'_>) {
        let place = std::mem::take(&mut self.place);
        let code = match (play, place) {
            (Move::Mail { binary }, Place::Idle) => {
                self.place = Place::Open { recipients: 0, binary };
                250
            }
            (Move::Rcpt { answer }, Place::Open { recipients, binary }) => {
                let recipients = recipients + usize::from(answer.refusal().is_none());
                self.place = Place::Open { recipients, binary };
                answer.code()
            }
            (Move::Rset | Move::Ehlo, _) => 250,
            (Move::Noop, place) => {
                self.place = place;
                250
            }
            (Move::Chunk { .. }, Place::Open { recipients: 0, binary }) => {
                self.place = Place::Open { recipients: 0, binary };
                503
            }
            (Move::Chunk { octets, last, data, end }, Place::Open { recipients, .. }) => {
                let content = Vec::new();
                return self.chunk(recipients, content, octets, last, (Some(data), end));
            }
            (Move::Chunk { octets, last, end, .. }, Place::Chunks { recipients, content }) => {
                return self.chunk(recipients, content, octets, last, (None, end));
            }
            (_, place) => {
                self.place = place;
                503
            }
        };
        self.codes.push(code);
    }

    fn chunk(
        &mut self,
        recipients: usize,
        mut content: Vec<u8>,
        octets: &[u8],
        last: bool,
        (data, end): (Option<Answer>, Answer),
    ) {
        content.extend_from_slice(octets);
        let times = if self.lmtp && last { recipients } else { 1 };
        if self.most.is_some_and(|most| content.len() > most) {
            self.codes.extend(vec![552; times]);
        } else if let Some(refused) = data.filter(|data| data.refusal().is_some()) {
            self.codes.extend(vec![refused.code(); times]);
        } else if last {
            self.codes.extend(vec![end.code(); times]);
            if end.refusal().is_none() {
                self.stored.extend(vec![content; times]);
            }
        } else {
            self.codes.push(250);
            self.place = Place::Chunks { recipients, content };
        }
    }
}

/// Any chunks.
pub fn bdat(input: &[u8]) {
    let _ = play(&mut Unstructured::new(input));
}

fn play(given: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let most: Option<u8> = Option::arbitrary(given)?;
    let most = most.filter(|most| *most > 0).map(usize::from);
    let lmtp = given.ratio(1, 4)?;
    let mut limits = Limits::default();
    (limits.errors, limits.junk) = (u32::MAX, u32::MAX);
    (limits.recipients, limits.recipients_over) = (u32::MAX / 2, u32::MAX / 2);
    let mut config = Config::new("mx.example.org").expect("a host").limits(limits);
    if let Some(most) = most {
        config = config.max_size(u64::try_from(most).expect("a small one"));
    }
    if lmtp {
        config = config.lmtp();
    }
    let hello = if lmtp { "LHLO a.example\r\n" } else { "EHLO a.example\r\n" };
    let sizes = <[u8; 4]>::arbitrary(given)?;
    let mut moves = vec![Move::Ehlo];
    if given.ratio(7, 8)? {
        // Most of them come far enough for chunks.
        moves.push(Move::Mail { binary: given.ratio(1, 2)? });
        moves.push(Move::Rcpt { answer: Answer::Yes });
    }
    moves.extend(Vec::<Move<'_>>::arbitrary(given)?);
    let mut model = Model { most, lmtp, codes: vec![220], ..Model::default() };
    let (mut wire, mut answers) = (Vec::new(), Vec::new());
    for play in moves {
        let in_order = matches!(model.place, Place::Open { recipients: 1.., binary: false });
        if play == Move::Data && in_order {
            continue;
        }
        model.play(play);
        match play {
            Move::Chunk { octets, last, .. } => {
                let last = if last { " LAST" } else { "" };
                wire.extend_from_slice(format!("BDAT {}{last}\r\n", octets.len()).as_bytes());
                wire.extend_from_slice(octets);
            }
            Move::Mail { binary } => {
                let body = if binary { " BODY=BINARYMIME" } else { "" };
                wire.extend_from_slice(format!("MAIL FROM:<>{body}\r\n").as_bytes());
            }
            Move::Rcpt { .. } => wire.extend_from_slice(b"RCPT TO:<b@example.org>\r\n"),
            Move::Rset => wire.extend_from_slice(b"RSET\r\n"),
            Move::Noop => wire.extend_from_slice(b"NOOP\r\n"),
            Move::Data => wire.extend_from_slice(b"DATA\r\n"),
            Move::Ehlo => wire.extend_from_slice(hello.as_bytes()),
        }
        answers.push((play, model.codes.len()));
    }
    let mut server = Server { answers, ..Server::default() };
    server.serve(&config, &wire, &sizes);
    assert_eq!(server.codes(), model.codes, "{:?}", server.answers);
    assert_eq!(server.stored, model.stored);
    Ok(())
}

#[derive(Default)]
struct Server<'a> {
    answers: Vec<(Move<'a>, usize)>,
    said: Vec<u8>,
    content: Vec<u8>,
    stored: Vec<Vec<u8>>,
}

impl Server<'_> {
    /// The codes of whole replies.
    fn codes(&self) -> Vec<u16> {
        let lines = self.said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let last = lines.filter(|line| line.get(3) == Some(&b' '));
        last.filter_map(|line| str::from_utf8(line.get(..3)?).ok()?.parse().ok()).collect()
    }

    fn serve(&mut self, config: &Config, wire: &[u8], sizes: &[u8]) {
        let mut connection = Connection::new(config.clone());
        let (mut rest, mut turn) = (wire, 0);
        loop {
            match connection.step() {
                Want::Event => {
                    // The command that is asked about is the one behind those that were answered.
                    let n = connection.tx().remaining();
                    self.said.extend_from_slice(connection.tx().chunk());
                    connection.tx().advance(n);
                    self.on(connection.event());
                }
                Want::Flush | Want::Input if connection.tx().has_remaining() => {
                    let n = connection.tx().remaining();
                    self.said.extend_from_slice(connection.tx().chunk());
                    connection.tx().advance(n);
                }
                Want::Input if rest.is_empty() => return,
                Want::Input => {
                    let size = usize::from(*sizes.get(turn % sizes.len()).unwrap_or(&1)).max(1);
                    turn += 1;
                    let piece = rest.get(..size).unwrap_or(rest);
                    let taken = connection.rx().receive(piece);
                    rest = rest.get(taken..).unwrap_or_default();
                }
                other => panic!("{other:?}: {:?}", connection.closing()),
            }
        }
    }

    fn on(&mut self, event: Event<'_>) {
        let answered = self.codes().len();
        let asked = self.answers.iter().find(|(_, until)| *until > answered).map(|it| it.0);
        match (event, asked) {
            (Event::Mail(mail), _) => {
                self.content.clear();
                mail.accept();
            }
            (Event::Rcpt(rcpt), Some(Move::Rcpt { answer })) => match answer.refusal() {
                None => rcpt.accept(),
                Some(refusal) => rcpt.reject(refusal),
            },
            (Event::Data(it), Some(Move::Chunk { data, .. })) => match data.refusal() {
                None => {
                    self.content.clear();
                    it.accept();
                }
                Some(refusal) => it.reject(refusal),
            },
            (Event::Body(bytes), _) => self.content.extend_from_slice(bytes),
            (Event::Message(message), Some(Move::Chunk { end, .. })) => match end.refusal() {
                None => {
                    self.stored.push(self.content.clone());
                    message.accept();
                }
                Some(refusal) => message.reject(refusal),
            },
            (Event::Hello(hello), _) => hello.accept(),
            (Event::Greet(greet), _) => greet.accept(),
            (Event::Aborted(_), _) => {}
            (event, asked) => panic!("{event:?} where {asked:?} was said"),
        }
    }
}
