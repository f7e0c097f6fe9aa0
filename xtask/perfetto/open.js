// node open.js UI TRACE PICTURE: opens a trace in the Perfetto UI, whose files lie in the folder UI, in a
// real browser; asks it what it has found, and takes a picture. Fails if it complains of anything.
const fs = require('fs');
const http = require('http');
const path = require('path');
const { chromium } = require('playwright-core');

const [ui, trace, picture] = process.argv.slice(2);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml' };

const server = http.createServer((request, response) => {
  const name = new URL(request.url, 'http://localhost').pathname;
  if (name.endsWith('vizviewer_info') || name.endsWith('file_info')) {
    return response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  }
  const file = name.endsWith('localtrace') ? trace : path.join(ui, path.normalize(name));
  fs.readFile(file, (error, bytes) => {
    if (error) return response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] || 'application/octet-stream' });
    response.end(bytes);
  });
});

async function look(address) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  const complaints = [];
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 800 } });
    page.on('pageerror', error => complaints.push(String(error)));
    await page.goto(address + '/index.html', { waitUntil: 'domcontentloaded' });
    await page.waitForFunction(() => self.app && self.app.trace, null, { timeout: 120000 });
    const ask = sql => page.evaluate(async sql => {
      const result = await self.app.trace.engine.query(sql);
      const rows = [];
      for (const row = result.iter({}); row.valid(); row.next()) rows.push(result.columns().map(column => String(row.get(column))));
      return rows;
    }, sql);
    const errors = await page.evaluate(() => self.app.trace.traceInfo.importErrors);
    if (Number(errors) > 0) complaints.push(`${errors} errors of the import`);
    for (const row of await ask("select name, value from stats where severity in ('error', 'data_loss') and value > 0")) complaints.push(row.join(': '));
    for (const row of await ask('select track.name, count(*) from slice join track on slice.track_id = track.id group by 1')) console.log(row.join(': '));
    console.log('flows: ' + (await ask('select count(*) from flow'))[0][0]);
    if ((await ask('select count(*) from slice where dur > 0'))[0][0] === '0') complaints.push('there are no slices');
    // The process is a group of tracks, which opens by a click, when the page is laid out.
    await page.waitForTimeout(3000);
    await page.mouse.click(100, 198);
    await page.waitForTimeout(3000);
    await page.screenshot({ path: picture });
  } finally {
    await browser.close();
  }
  return complaints;
}

server.listen(0, '127.0.0.1', async () => {
  let complaints;
  try {
    complaints = await look(`http://127.0.0.1:${server.address().port}`);
  } catch (error) {
    complaints = [String(error)];
  }
  complaints.forEach(complaint => console.error(complaint));
  process.exit(complaints.length === 0 ? 0 : 1);
});
