// What the programs of the guide share: a server and a client in memory. The chapter on testing
// shows how they work.

use bytes::Buf;
use smtp_codec::client::{self, Delivery, Step};
use smtp_codec::proto::{Envelope, Outcome};
use smtp_codec::{Machine, Want, server};

/// Has a server hear what a client says, and `app` answer, until it waits for more. Its replies are
/// returned.
pub fn talk(
    server: &mut server::Connection,
    mut said: &str,
    mut app: impl FnMut(server::Event<'_>),
) -> String {
    let mut replies = Vec::new();
    loop {
        let want = server.step();
        drain(server, &mut replies);
        match want {
            Want::Flush => {}
            Want::Event => app(server.event()),
            Want::Input if said.is_empty() => break,
            Want::Input => said = &said[server.rx().receive(said.as_bytes())..],
            Want::Tls => break,
            Want::Close => {
                app(server.event());
                break;
            }
        }
    }
    String::from_utf8(replies).unwrap()
}

/// Has a client send a message to a server that gives these replies, one after the other, and then
/// cuts the link. What became of the message is returned, and what the client said.
pub fn deliver(
    client: &mut client::Connection,
    envelope: &Envelope,
    mut content: &[u8],
    replies: &[&str],
) -> (Outcome, String) {
    let (mut delivery, mut said) = (Delivery::new(envelope), Vec::new());
    let mut replies = replies.iter();
    loop {
        let want = client.step();
        drain(client, &mut said);
        match want {
            Want::Flush => {}
            Want::Input => match replies.next() {
                Some(reply) => _ = client.rx().receive(reply.as_bytes()),
                None => client.eof(),
            },
            Want::Tls => client.secured(),
            Want::Event | Want::Close => match delivery.on(client.event()) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) => match slot.write_end(content) {
                    Ok(taken) => content = &content[taken..],
                    Err(found) => delivery.content_refused(found),
                },
            },
        }
    }
    (delivery.outcome(client), String::from_utf8(said).unwrap())
}

/// Has a client send a message to a server, whose application is `app`.
pub fn send(
    client: &mut client::Connection,
    server: &mut server::Connection,
    envelope: &Envelope,
    mut content: &[u8],
    mut app: impl FnMut(server::Event<'_>),
) -> Outcome {
    let mut delivery = Delivery::new(envelope);
    loop {
        let (ours, theirs) = (client.step(), server.step());
        if (ours, theirs) == (Want::Tls, Want::Tls) {
            server.secured();
            client.secured();
            continue;
        }
        match theirs {
            Want::Event => app(server.event()),
            Want::Close => client.eof(),
            _ => {}
        }
        if let Want::Event | Want::Close = ours {
            match delivery.on(client.event()) {
                Step::Next => {}
                Step::Over => return delivery.outcome(client),
                Step::Body(slot) => match slot.write_end(content) {
                    Ok(taken) => content = &content[taken..],
                    Err(found) => delivery.content_refused(found),
                },
            }
        }
        exchange(client, server);
        exchange(server, client);
    }
}

fn exchange(from: &mut impl Machine, to: &mut impl Machine) {
    let taken = to.rx().receive(from.tx().chunk());
    from.tx().advance(taken);
}

fn drain(from: &mut impl Machine, into: &mut Vec<u8>) {
    while from.tx().has_remaining() {
        into.extend_from_slice(from.tx().chunk());
        let sent = from.tx().chunk().len();
        from.tx().advance(sent);
    }
}
