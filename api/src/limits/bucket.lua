-- Bucket::spend for all replicas; see limits/bucket.rs. A test compares both.
-- Returns the microseconds to wait; 0 if the events are allowed and counted.
local now = tonumber(ARGV[1])
local per_second, burst, events = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local event = 1000000
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
local over = level + math.min(events, burst) * event - burst * event
if over > 0 then
    return math.ceil(over / per_second)
end
level = level + events * event
-- By default, Lua writes numbers of this size without their last digits.
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', at))
-- A second after the bucket is empty, its key can go.
redis.call('PEXPIRE', KEYS[1], math.ceil(level / per_second / 1000) + 1000)
return 0
