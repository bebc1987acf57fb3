// Two believable days of a web shop, for pictures: several services, a daily rhythm, and an incident three hours ago.

type Line = {
  service: string
  logger: string
  level: string
  /** Its share of about a hundred lines of an ordinary hour. */
  weight: number
  message: (n: number) => string
  exception?: (n: number) => object
}

const frame = (module: string, name: string, file: string, line: number, in_app: boolean) => ({
  function: name,
  module,
  file,
  line,
  in_app,
})

const POOL_FRAMES = [
  frame('threading', 'run', '/usr/lib/python3.13/threading.py', 994, false),
  frame('gunicorn.workers.gthread', 'handle', '/srv/venv/gunicorn/workers/gthread.py', 282, false),
  frame('flask.app', 'wsgi_app', '/srv/venv/flask/app.py', 1511, false),
  frame('checkout.orders', 'place_order', 'checkout/orders.py', 148, true),
  frame('checkout.stock', 'reserve', 'checkout/stock.py', 67, true),
  frame('sqlalchemy.engine.base', 'connect', '/srv/venv/sqlalchemy/engine/base.py', 3274, false),
  frame('sqlalchemy.pool.impl', '_do_get', '/srv/venv/sqlalchemy/pool/impl.py', 168, false),
]

const INCIDENT: Line = {
  service: 'checkout',
  logger: 'checkout.orders',
  level: 'error',
  weight: 0,
  message: (n) => `order ${40_000 + n} could not be placed`,
  exception: () => ({
    type: 'sqlalchemy.exc.TimeoutError',
    message: 'QueuePool limit of size 20 overflow 10 reached, connection timed out',
    frames: POOL_FRAMES,
  }),
}

const LINES: Line[] = [
  {
    service: 'gateway',
    logger: 'gateway.access',
    level: 'info',
    weight: 46,
    message: (n) => `GET /products/${n} 200 in ${20 + (n % 80)} ms`,
  },
  {
    service: 'catalog',
    logger: 'catalog.search',
    level: 'info',
    weight: 21,
    message: (n) => `search answered with ${n % 90} products`,
  },
  {
    service: 'checkout',
    logger: 'checkout.orders',
    level: 'info',
    weight: 12,
    message: (n) => `order ${40_000 + n} placed`,
  },
  {
    service: 'gateway',
    logger: 'gateway.cache',
    level: 'debug',
    weight: 6,
    message: (n) => `cache evicted ${n % 400} entries`,
  },
  {
    service: 'payments',
    logger: 'payments.cards',
    level: 'warning',
    weight: 4,
    message: (n) => `card of order ${40_000 + n} declined: insufficient funds`,
  },
  {
    service: 'catalog',
    logger: 'catalog.database',
    level: 'warning',
    weight: 2.4,
    message: (n) => `slow query: ${900 + n} ms for products_by_category`,
  },
  {
    service: 'mailer',
    logger: 'mailer.smtp',
    level: 'error',
    weight: 1.3,
    message: (n) => `mail ${n} not delivered`,
    exception: () => ({
      type: 'smtplib.SMTPServerDisconnected',
      message: 'Connection unexpectedly closed',
      frames: [
        frame('mailer.send', 'deliver', 'mailer/send.py', 51, true),
        frame('smtplib', 'getreply', '/usr/lib/python3.13/smtplib.py', 398, false),
      ],
    }),
  },
  {
    service: 'payments',
    logger: 'payments.webhook',
    level: 'error',
    weight: 0.9,
    message: (n) => `webhook ${n} rejected: signature does not match`,
  },
  {
    service: 'catalog',
    logger: 'catalog.feed',
    level: 'error',
    weight: 0.7,
    message: (n) => `feed of supplier ${n % 9} could not be parsed: unexpected end of input`,
  },
  {
    service: 'search',
    logger: 'search.index',
    level: 'fatal',
    weight: 0.05,
    message: (n) => `segment ${n} is corrupt, shutting down`,
  },
]

const HOUR_MS = 3_600_000

/** Events of the last two days up to `now`; the same for the same moment. */
export function story(now: number): object[] {
  const random = randomFrom(7)
  const events: object[] = []
  for (let minute = 48 * 60; minute > 0; minute -= 2) {
    const at = now - minute * 60_000
    const daylight = 0.55 + 0.45 * Math.sin((minute / (24 * 60)) * Math.PI * 2 + 2.2)
    const duringIncident = Math.exp(-(((minute - 190) / 28) ** 2))
    // The second day is a little busier than the first.
    const lines = Math.round((8 + 16 * daylight + 4 * random()) * (minute > 24 * 60 ? 0.9 : 1))
    for (let i = 0; i < lines; i += 1)
      events.push(eventOf(pick(random()), at + random() * 120_000, now, random))
    const timeouts = Math.floor(34 * duringIncident * random())
    for (let i = 0; i < timeouts; i += 1) events.push(eventOf(INCIDENT, at + random() * 120_000, now, random))
  }
  return events
}

function eventOf(line: Line, at: number, now: number, random: () => number): object {
  const n = 1_000 + Math.floor(random() * 8_999)
  return {
    // The last lines are minutes old, not hours: the picture is of a shop that runs.
    timestamp: new Date(Math.min(at, now - random() * (HOUR_MS / 60))).toISOString(),
    level: line.level,
    logger: line.logger,
    service: line.service,
    host: `${line.service}-${1 + (n % 3)}`,
    environment: 'production',
    release: '2026.11.2',
    message: line.message(n),
    exception: line.exception?.(n),
    attributes: { 'http.route': '/orders', 'user.id': n * 7, region: n % 2 ? 'eu-central' : 'eu-west' },
  }
}

const ALL_WEIGHTS = LINES.reduce((sum, { weight }) => sum + weight, 0)

function pick(share: number): Line {
  let left = share * ALL_WEIGHTS
  for (const line of LINES) {
    left -= line.weight
    if (left <= 0) return line
  }
  return INCIDENT
}

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
