-- Backoff::attempt for all replicas; see limits/backoff.rs. A test compares both.
-- Returns the microseconds to wait; 0 if the attempt is allowed and counted.
local now = tonumber(ARGV[1])
local free, max_wait, forget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local known = redis.call('HMGET', KEYS[1], 'count', 'last')
local count, elapsed = tonumber(known[1]) or 0, 0
if known[2] then
    elapsed = math.max(0, now - tonumber(known[2]))
end
if elapsed > forget then
    count = 0
end
if count >= free then
    local wait = math.min(1000000 * 2 ^ math.min(count - free, 16), max_wait) - elapsed
    if wait > 0 then
        return wait
    end
end
-- By default, Lua writes numbers of this size without their last digits.
redis.call('HSET', KEYS[1], 'count', count + 1, 'last', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], forget / 1000)
return 0
