-- Bucket::spend for all replicas at once; limits/bucket.rs says what it does, and a test holds both together.
-- Returns the microseconds to wait; 0 when the events are let in and counted.
local now = tonumber(ARGV[1])
local per_second, burst, events = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local whole = 1000000
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = 0, now
if known[1] then
    at = tonumber(known[2])
    level = math.max(0, tonumber(known[1]) - math.max(0, now - at) * per_second)
    at = math.max(at, now)
end
local over = level + math.min(events, burst) * whole - burst * whole
if over > 0 then
    return math.ceil(over / per_second)
end
level = level + events * whole
-- Numbers of this size lose their last digits when Lua writes them its own way.
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', at))
-- A second after it is empty, nothing is to be known of it.
redis.call('PEXPIRE', KEYS[1], math.ceil(level / per_second / 1000) + 1000)
return 0
