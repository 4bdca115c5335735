// Sends one message with nodemailer as a JSON object on standard input describes it: host options, envelope, raw content.
const nodemailer = require('nodemailer');

let text = '';
process.stdin.on('data', chunk => (text += chunk));
process.stdin.on('end', () => {
    const order = JSON.parse(text);
    const transport = nodemailer.createTransport(order.transport);
    const raw = Buffer.from(order.content, 'base64');
    const count = order.contents ? order.contents.length : 1;
    const one = i => transport.sendMail({
        envelope: order.envelope,
        dsn: order.dsn,
        raw: order.contents ? Buffer.from(order.contents[i], 'base64') : raw,
    });
    Promise.all([...Array(count).keys()].map(one))
        .then(() => transport.close())
        .catch(error => {
            console.error(error.message);
            process.exit(1);
        });
});
