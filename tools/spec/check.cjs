// The program behind tools/check-spec.
'use strict';
const { fork } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const folder = path.join(__dirname, '../../docs/spec');
const checks = JSON.parse(fs.readFileSync(path.join(folder, 'checks.json'), 'utf8'));
const file = name => path.join(folder, `${name}.qnt`);
const modelOf = name => checks.models.find(m => m.name === name);

// ---- One row, in a worker --------------------------------------------------------------------------------------

/// The text of the files that a model or mutant changes.
function replaced(model, mutant) {
  const texts = new Map();
  const change = ({ file: name, from, to }) => {
    const text = texts.get(file(name)) ?? fs.readFileSync(file(name), 'utf8');
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`'${from}' stands ${parts.length - 1} times in ${name}.qnt, not once`);
    texts.set(file(name), parts.join(to));
  };
  for (const each of model.changes ?? []) change(each);
  if (mutant) change(mutant);
  return texts;
}

function runModel(quint, model) {
  const spec = quint.parse(file(model.main), replaced(model));
  const found = quint.simulate(spec, model);
  const never = model.witnesses.filter((_, i) => found.witnessed[i] === 0);
  const seen = model.witnesses.map((w, i) => `${w} ${found.witnessed[i]}`).join(', ');
  const wrong = [...found.violated.map(i => `${i} breaks`), ...never.map(w => `${w} is never reached`)];
  return { ok: wrong.length === 0, says: wrong.join('; ') || `${model.invariants.length} invariants hold; ${seen}`,
           runs: found.samples, states: found.violated.length === 0 ? [] : found.states.map(quint.show) };
}

function runMutant(quint, mutant) {
  const model = { ...modelOf(mutant.model), ...mutant.bounds };
  const spec = quint.parse(file(model.main), replaced(model, mutant));
  const found = quint.simulate(spec, { ...model, invariants: [mutant.breaks], witnesses: [] });
  const ok = found.violated.length === 1;
  return { ok, says: ok ? `breaks ${mutant.breaks} in ${found.states.length - 1} steps` : `keeps ${mutant.breaks}`,
           runs: found.samples, states: [] };
}

function runTypes(quint, main) {
  quint.typecheck(quint.parse(file(main)));
  return { ok: true, says: 'types are right', runs: 0, states: [] };
}

function work() {
  const quint = require('./quint.cjs');
  process.on('message', task => {
    const began = process.cpuUsage();
    let result;
    try {
      if (task.kind === 'types') result = runTypes(quint, task.name);
      if (task.kind === 'model') result = runModel(quint, modelOf(task.name));
      if (task.kind === 'mutant') result = runMutant(quint, checks.mutants.find(m => m.name === task.name));
    } catch (error) {
      result = { ok: false, says: error.message, runs: 0, states: [] };
    }
    const used = process.cpuUsage(began);
    process.send({ ...result, ...task, seconds: (used.user + used.system) / 1e6 });
  });
}

// ---- All rows --------------------------------------------------------------------------------------------------

/// README.md lists every invariant with the mutants that break it, and what is not broken by any mutant is a miss.
function pageMisses() {
  const page = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const invariants = [...new Set(checks.models.flatMap(m => m.invariants))];
  const misses = [...invariants, ...checks.mutants.map(m => m.name)].filter(name => !page.includes(`\`${name}\``))
    .map(name => `README.md does not mention \`${name}\``);
  for (const name of invariants) {
    const broken = checks.mutants.some(m => m.breaks === name);
    if (!broken && !(name in (checks.unbroken ?? {}))) misses.push(`no mutant breaks ${name}`);
  }
  return misses;
}

function print(row) {
  const name = `${row.kind} ${row.name}`.padEnd(36);
  const figures = `${String(row.runs).padStart(5)} runs ${row.seconds.toFixed(1).padStart(6)} s`;
  console.log(`${row.ok ? 'ok  ' : 'MISS'}  ${name}${figures}  ${row.says}`);
  for (const [i, state] of row.states.entries()) console.log(`---- state ${i}\n${state}`);
}

async function all(wanted) {
  const tasks = [
    ...checks.models.map(m => ({ kind: 'model', name: m.name })),
    ...[...new Set(checks.models.map(m => m.main))].map(name => ({ kind: 'types', name })),
    ...checks.mutants.map(m => ({ kind: 'mutant', name: m.name })),
  ].filter(task => wanted.length === 0 || wanted.includes(task.name));
  for (const name of wanted.filter(w => !tasks.some(t => t.name === w))) throw new Error(`there is no ${name}`);
  const misses = pageMisses();
  for (const miss of misses) console.log(`MISS  ${miss}`);
  let bad = misses.length;
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(2, os.cpus().length, tasks.length) }, () => new Promise(done => {
    const worker = fork(__filename, ['--work'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const give = () => next < tasks.length ? worker.send(tasks[next++]) : worker.disconnect();
    worker.on('message', row => {
      print(row);
      if (!row.ok) ++bad;
      give();
    });
    worker.on('exit', code => {
      if (code !== 0) {
        ++bad;
        console.log(`MISS  a worker ended with ${code}`);
      }
      done();
    });
    give();
  })));
  console.log(`${tasks.length} rows, ${bad} missed`);
  return bad === 0 ? 0 : 1;
}

if (process.argv[2] === '--work') {
  work();
} else if (process.argv[2] === '--list') {
  for (const each of [...checks.models, ...checks.mutants]) console.log(each.name);
} else {
  all(process.argv.slice(2)).then(code => process.exit(code), error => {
    console.error(`check-spec: ${error.message}`);
    process.exit(1);
  });
}
