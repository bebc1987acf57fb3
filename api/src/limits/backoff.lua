-- Backoff::attempt for all replicas at once; limits/backoff.rs says what it does, and a test holds both together.
-- Returns the microseconds to wait; 0 when the attempt is let through and counted.
local now = tonumber(ARGV[1])
local free, longest, memory = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local known = redis.call('HMGET', KEYS[1], 'count', 'last')
local count, passed = tonumber(known[1]) or 0, 0
if known[2] then
    passed = math.max(0, now - tonumber(known[2]))
end
if passed > memory then
    count = 0
end
if count >= free then
    local wait = math.min(1000000 * 2 ^ math.min(count - free, 16), longest) - passed
    if wait > 0 then
        return wait
    end
end
-- Numbers of this size lose their last digits when Lua writes them its own way.
redis.call('HSET', KEYS[1], 'count', count + 1, 'last', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], memory / 1000)
return 0
