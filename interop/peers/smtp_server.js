// A server on nodemailer's smtp-server that keeps what it gets.
// usage: smtp_server.js DIR starttls|implicit KEY CERT USER PASSWORD. Says `listening on HOST:PORT`.
const fs = require('fs');
const path = require('path');
const { SMTPServer } = require('smtp-server');

const [directory, mode, key, cert, user, password] = process.argv.slice(2);
let number = 0;

const server = new SMTPServer({
    secure: mode === 'implicit',
    key: fs.readFileSync(key),
    cert: fs.readFileSync(cert),
    authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2'],
    authOptional: true,
    size: 64 * 1024 * 1024,
    onAuth(auth, session, done) {
        const good = auth.method === 'CRAM-MD5' ? auth.username === user && auth.validatePassword(password)
            : auth.method === 'XOAUTH2' ? auth.username === user && auth.accessToken === password
                : auth.username === user && auth.password === password;
        done(good ? null : new Error('Invalid username or password'), good ? { user: auth.method } : undefined);
    },
    onData(stream, session, done) {
        const pieces = [];
        stream.on('data', piece => pieces.push(piece));
        stream.on('end', () => {
            const name = path.join(directory, String(++number));
            fs.writeFileSync(name + '.eml', Buffer.concat(pieces));
            fs.writeFileSync(name + '.json', JSON.stringify({
                hello: session.hostNameAppearsAs,
                secure: session.secure,
                method: session.user || null,
                reverse_path: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
                recipients: session.envelope.rcptTo.map(recipient => recipient.address),
            }));
            done();
        });
    },
});
server.on('error', error => console.error(error.message));
server.listen(0, '127.0.0.1', () => console.log('listening on 127.0.0.1:' + server.server.address().port));
