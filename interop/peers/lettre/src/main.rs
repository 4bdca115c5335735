//! Sends each file as one message with lettre, over a pool of connections.
//!
//! usage: lettre-send PORT clear|starttls|implicit CA HELLO none|PLAIN|LOGIN|XOAUTH2 USER SENDER TO,TO FILE...
//! The password or the token is in PW.

use std::error::Error;

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = send(&words) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn send(words: &[String]) -> Result<(), Box<dyn Error>> {
    let [port, tls, ca, hello, mechanism, user, sender, recipients, files @ ..] = words else {
        return Err("see the source for how it is used".into());
    };
    let parameters = || -> Result<TlsParameters, Box<dyn Error>> {
        Ok(TlsParameters::builder("localhost".to_owned())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&std::fs::read(ca)?)?)
            .build()?)
    };
    let mut builder = SmtpTransport::builder_dangerous("localhost")
        .port(port.parse()?)
        .hello_name(ClientId::Domain(hello.clone()))
        .tls(match tls.as_str() {
            "clear" => Tls::None,
            "starttls" => Tls::Required(parameters()?),
            "implicit" => Tls::Wrapper(parameters()?),
            other => return Err(format!("{other} is no way to begin TLS").into()),
        });
    if mechanism != "none" {
        builder = builder
            .credentials(Credentials::new(user.clone(), std::env::var("PW")?))
            .authentication(vec![match mechanism.as_str() {
                "PLAIN" => Mechanism::Plain,
                "LOGIN" => Mechanism::Login,
                "XOAUTH2" => Mechanism::Xoauth2,
                other => return Err(format!("lettre does not speak {other}").into()),
            }]);
    }
    let recipients = recipients.split(',').map(str::parse).collect::<Result<Vec<Address>, _>>()?;
    let envelope = Envelope::new(Some(sender.parse()?), recipients)?;
    let transport = builder.build();
    for file in files {
        transport.send_raw(&envelope, &std::fs::read(file)?)?;
    }
    Ok(())
}
