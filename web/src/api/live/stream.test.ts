import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stubStream } from '@/test/stream'
import { isLive } from './state'
import { HIDDEN_MS, keepStream, PATIENCE_MS } from './stream'

let stop: () => void
let isHidden = false

function keep() {
  const listener = { told: vi.fn(), stale: vi.fn() }
  stop = keepStream(listener)
  return listener
}

function show(visible: boolean) {
  isHidden = !visible
  document.dispatchEvent(new Event('visibilitychange'))
}

describe('the stream of a tab', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(document, 'hidden', 'get').mockImplementation(() => isHidden)
  })
  afterEach(() => {
    stop()
    isHidden = false
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it('is one, makes the tab live, and is given back at the end', () => {
    const stream = stubStream()
    const { stale } = keep()
    expect(stream.address()).toBe('/api/v1/stream')
    expect(isLive()).toBe(false)
    stream.open()
    expect(isLive()).toBe(true)
    expect(stale).toHaveBeenCalledTimes(1)
    stop()
    expect([stream.opened(), stream.held(), isLive()]).toEqual([1, 0, false])
  })

  it('leaves a short interruption to the browser and the server', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    stream.interrupt()
    vi.advanceTimersByTime(PATIENCE_MS - 1)
    stream.open()
    vi.advanceTimersByTime(PATIENCE_MS)
    expect([stream.opened(), stale.mock.calls.length, isLive()]).toEqual([1, 1, true])
  })

  it('has pages ask by themselves when an interruption lasts', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    stream.interrupt()
    expect(isLive()).toBe(false)
    vi.advanceTimersByTime(PATIENCE_MS)
    expect(stale).toHaveBeenCalledTimes(2)
  })

  it('takes failures that follow each other for one interruption', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    for (let failures = 0; failures < 3; failures++) {
      stream.interrupt()
      vi.advanceTimersByTime(PATIENCE_MS / 2)
    }
    expect(stale).toHaveBeenCalledTimes(2)
    stream.open()
    stream.interrupt()
    vi.advanceTimersByTime(PATIENCE_MS)
    expect(stale).toHaveBeenCalledTimes(3)
  })

  it('asks again later when it is refused, and less and less often', () => {
    const stream = stubStream()
    keep()
    for (const wait of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      stream.refuse()
      const opened = stream.opened()
      vi.advanceTimersByTime(wait - 1)
      expect(stream.opened()).toBe(opened)
      vi.advanceTimersByTime(1)
      expect(stream.opened()).toBe(opened + 1)
    }
    stream.open()
    stream.refuse()
    vi.advanceTimersByTime(5_000)
    expect(stream.opened()).toBe(8)
  })

  it('is given back when nobody has looked for a while, and taken again when somebody does', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    show(false)
    vi.advanceTimersByTime(HIDDEN_MS - 1)
    show(true)
    vi.advanceTimersByTime(HIDDEN_MS)
    expect(stream.held()).toBe(1)
    show(false)
    vi.advanceTimersByTime(HIDDEN_MS)
    expect(stream.held()).toBe(0)
    show(true)
    stream.open()
    expect([stream.opened(), stream.held(), isLive()]).toEqual([2, 1, true])
    expect(stale).toHaveBeenCalledTimes(2)
  })

  it('does not begin in a tab that nobody has seen', () => {
    const stream = stubStream()
    isHidden = true
    keep()
    expect(stream.opened()).toBe(0)
    show(true)
    expect(stream.opened()).toBe(1)
  })

  it('is done without where the browser has none', () => {
    vi.stubGlobal('EventSource', undefined)
    keep()
    expect(isLive()).toBe(false)
    vi.unstubAllGlobals()
  })
})
