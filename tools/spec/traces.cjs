// The program behind tools/check-traces.
'use strict';
const { fork, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { judge, kindOf, kinds: allKinds, read } = require('./accept.cjs');

const root = path.join(__dirname, '../..');
const plan = JSON.parse(fs.readFileSync(path.join(root, 'docs/spec/traces.json'), 'utf8'));
const seedsAtOnce = 20;
const huntedSeeds = 200;

/// Records runs, and hands each to `onRun`. Whatever the simulator says of them, and however it ends, is not asked.
function record(first, count, mutant, onRun) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-traces.'));
  try {
    const file = path.join(scratch, 'trace');
    const program = path.join(root, 'build/release/bin', mutant ? 'varve_sim_mutated' : 'varve_sim');
    const done = spawnSync(program, ['--seed', first, '--seeds', count, '--steps', plan.steps, '--no-shrink',
                                     '--record', file].map(String),
                           { env: { ...process.env, VARVE_MUTANT: mutant ?? '' }, encoding: 'utf8', timeout: 60_000 });
    if (done.error) throw done.error;
    for (const run of read(file)) onRun(run);
    return done;
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

// ---- Rows, each in a worker ------------------------------------------------------------------------------------

/// So many runs, all accepted. `kinds`: which events they have.
function acceptRuns({ first, count }) {
  const refused = [];
  const kinds = new Set();
  let runs = 0;
  let lines = 0;
  record(first, count, undefined, run => {
    const refusal = judge(run.lines);
    if (refusal) refused.push(`seed ${run.seed}, event ${refusal.at}: ${refusal.why}: ${refusal.event}`);
    for (const line of run.lines) kinds.add(kindOf(line));
    lines += run.lines.length;
    ++runs;
  });
  if (runs !== count) refused.push(`the simulator ended after ${runs} of ${count} runs`);
  return { refused, kinds: [...kinds], runs, lines };
}

/// The first run that is refused.
function firstRefusal(mutant, first, count) {
  for (let seed = first; seed < first + count; seed += seedsAtOnce) {
    let found;
    const most = Math.min(seedsAtOnce, first + count - seed);
    const done = record(seed, most, mutant, run => {
      if (found) return;
      const refusal = judge(run.lines);
      if (refusal) found = { seed: run.seed, ...refusal };
    });
    if (found) return found;
    if (done.status !== 0) seed += Number(/after (\d+) seeds/.exec(done.stdout)?.[1] ?? 1) - seedsAtOnce;
  }
  return undefined;
}

function refuseMutant({ name, seed, because }) {
  const found = firstRefusal(name, seed, 1);
  const ok = found?.why === because;
  const says = ok ? `event ${found.at}: ${because}` : `not '${because}', but ${found ? `'${found.why}'` : 'accepted'}`;
  return { ok, says: `seed ${seed}: ${says}` };
}

function hunt({ name }) {
  const found = firstRefusal(name, 1, huntedSeeds);
  if (!found) return { ok: false, says: `accepted with ${huntedSeeds} seeds` };
  return { ok: true, says: JSON.stringify({ name, seed: found.seed, because: found.why }) };
}

/// What the specification does not know must be refused, whatever else a trace says.
function refuseUnknown() {
  const strange = [{ event: 'dreams', by: 1 }, { event: 'sends', by: 1, for: 'put', what: 'overwrite', seq: 0 },
                   { event: 'ends', by: 1, why: 'fenced', fates: [['0', 'perhaps']] }];
  const accepted = strange.filter(line => judge([line]) === undefined);
  return { ok: accepted.length === 0, says: accepted.map(line => JSON.stringify(line)).join() || 'refused' };
}

const kindsOfTask = { runs: acceptRuns, mutant: refuseMutant, hunt, unknown: refuseUnknown };

function work() {
  process.on('message', task => {
    const began = process.cpuUsage();
    let result;
    try {
      result = kindsOfTask[task.kind](task);
    } catch (error) {
      result = { ok: false, says: error.message, refused: [error.message], kinds: [], runs: 0, lines: 0 };
    }
    const used = process.cpuUsage(began);
    process.send({ ...result, task, seconds: (used.user + used.system) / 1e6 });
  });
}

// ---- All rows --------------------------------------------------------------------------------------------------

function pool(tasks, onResult) {
  let next = 0;
  const count = Math.min(2, os.cpus().length, tasks.length);
  return Promise.all(Array.from({ length: count }, () => new Promise((done, fail) => {
    const worker = fork(__filename, ['--work'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const give = () => next < tasks.length ? worker.send(tasks[next++]) : worker.disconnect();
    worker.on('message', result => {
      onResult(result);
      give();
    });
    worker.on('exit', code => code === 0 ? done() : fail(new Error(`a worker ended with ${code}`)));
    give();
  })));
}

function tasksFor(words) {
  const at = words.indexOf('--seeds');
  const [first, count] = at < 0 ? [plan.seeds.first, plan.seeds.count] : words.splice(at, 3).slice(1).map(Number);
  if (words[0] === '--hunt') return words.slice(1).map(name => ({ kind: 'hunt', name }));
  const batches = Array.from({ length: Math.ceil(count / seedsAtOnce) }, (_, i) => ({
    kind: 'runs', first: first + i * seedsAtOnce, count: Math.min(seedsAtOnce, count - i * seedsAtOnce) }));
  const mutants = plan.mutants.map(mutant => ({ kind: 'mutant', ...mutant }));
  if (at >= 0) return batches;
  if (words.length === 0) return [...batches, { kind: 'unknown', name: 'an unknown event' }, ...mutants];
  for (const name of words.filter(w => !mutants.some(m => m.name === w))) throw new Error(`there is no ${name}`);
  return mutants.filter(m => words.includes(m.name));
}

async function main(words) {
  const tasks = tasksFor(words);
  const total = { runs: 0, lines: 0, refused: 0, missed: 0, seconds: 0 };
  const kinds = new Set();
  await pool(tasks, result => {
    total.seconds += result.seconds;
    if (result.task.kind !== 'runs') {
      if (!result.ok) ++total.missed;
      return console.log(`${result.ok ? 'ok  ' : 'MISS'}  ${result.task.name.padEnd(24)}${result.says}`);
    }
    for (const kind of result.kinds) kinds.add(kind);
    for (const refusal of result.refused) console.log(`REFUSED  ${refusal}`);
    total.runs += result.runs;
    total.lines += result.lines;
    total.refused += result.refused.length;
  });
  // A hook that nobody calls any more would be no event, and nothing to refuse.
  const absent = total.runs >= plan.seeds.count ? allKinds.filter(kind => !kinds.has(kind)) : [];
  for (const kind of absent) console.log(`MISS  no run has the event '${kind}'`);
  console.log(`${total.runs} runs, ${total.lines} events, ${total.refused} refused; ${total.missed + absent.length} ` +
              `rows missed; ${total.seconds.toFixed(0)} s`);
  return total.refused + total.missed + absent.length === 0 ? 0 : 1;
}

if (process.argv[2] === '--work') {
  work();
} else {
  main(process.argv.slice(2)).then(code => process.exit(code), error => {
    console.error(`check-traces: ${error.message}`);
    process.exit(1);
  });
}
