// Sends a file by HTTP/2 without TLS, again and again, and writes each answer's status in a line of its own, or what went
// wrong. The client is Node's: curl 7.88 loses an answer before the body's end which a server closes its stream after.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

const [port, path, type, token, file, times] = process.argv.slice(2);
const body = readFileSync(file);

function ask() {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    let [status, text, wrong] = ['no answer', '', ''];
    const end = () => {
      session.destroy();
      resolve(wrong || (text.includes('request_id') ? status : `${status} without its body`));
    };
    session.on('error', (error) => { wrong ||= `session: ${error.message}`; end(); });
    const stream = session.request({
      ':method': 'POST', ':path': path, 'content-type': type, 'content-length': body.length,
      authorization: `Bearer ${token}`,
    });
    stream.setEncoding('utf8');
    stream.on('response', (headers) => { status = String(headers[':status']); });
    stream.on('data', (piece) => { text += piece; });
    stream.on('error', (error) => { wrong ||= `stream: ${error.message}`; });
    stream.on('close', end);
    stream.end(body);
  });
}

for (let time = 0; time < Number(times); time += 1) console.log(await ask());
