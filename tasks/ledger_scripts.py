"""The Lua scripts of the ledger. Each runs in the broker as one step: no client sees a half-made change."""

from __future__ import annotations

from tasks.worker_counters import ADD_WORK

__all__ = ["DONE", "DROP", "EXPECT", "FAILED", "PROGRESS", "QUEUED", "REDUCING", "SHARE", "STRAGGLERS", "TAKE"]

# The time is the broker's: clocks of machines differ. Scripts about one message share their keys and first arguments.
_RECORD = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local records, totals, recent, missing, failed, parts, sent, flying, took = unpack(KEYS)
local name, keep_s = ARGV[1], ARGV[2]
local member = records .. '|' .. name
local text = redis.call('HGET', records, name)
local record = text and cjson.decode(text)
local function write(state)
  record.state, record.since = state, now
  redis.call('HSET', records, name, cjson.encode(record))
  for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], keep_s) end
end
local function land()
  redis.call('SREM', sent, member)
  redis.call('ZREM', flying, member)
end
"""


def _on_record(script: str) -> str:
    return _RECORD + script


QUEUED = _on_record("""
if record and record.state == 'done' then return end
record = record or {attempts = 1, failed_at = {}}
record.deliveries, record.task, record.message = 0, ARGV[3], ARGV[4]
redis.call('SADD', sent, member)
write('queued')
""")

TAKE = _on_record("""
redis.call('SREM', sent, member)
if not record then return 0 end
if record.state == 'done' then return -1 end
record.deliveries, record.worker = record.deliveries + 1, ARGV[3]
if ARGV[4] == '1' then redis.call('ZADD', flying, now, member) else redis.call('ZREM', flying, member) end
redis.call('SREM', failed, name)
write('running')
return record.deliveries
""")

DONE = _on_record(
    ADD_WORK
    + """
land()
local barrier = ARGV[4] == 'expected' and missing or parts
local fresh = redis.call('SISMEMBER', barrier, name) == 1
if fresh or record and record.state ~= 'done' then
  if ARGV[4] == 'expected' and record and record.state == 'running' then
    redis.call('LPUSH', took, now - record.since)
    redis.call('LTRIM', took, 0, 31)
  end
  redis.call('SREM', barrier, name)
  redis.call('SREM', failed, name)
  if ARGV[4] == 'expected' then
    for i, field in ipairs({'images', 'embedded', 'unreadable', 'unsupported'}) do
      redis.call('HINCRBY', totals, field, ARGV[4 + i])
    end
    redis.call('LPUSH', recent, now .. ' ' .. redis.call('HGET', totals, 'images'))
    redis.call('LTRIM', recent, 0, 63)
  end
  if ARGV[9] then add_work(10, 9) end
  record = {worker = ARGV[3]}
  write('done')
end
if not record or redis.call('HEXISTS', totals, ARGV[4]) == 0 or redis.call('SCARD', barrier) > 0 then return 0 end
-- A reduction that was asked for too early says nothing. A chunk that is reported again makes up for a lost message.
if fresh then
  redis.call('SREM', failed, 'reduce')
  return 1
end
local reduce = redis.call('HGET', records, 'reduce')
local state = reduce and cjson.decode(reduce).state or 'queued'
return (state == 'queued' or state == 'shared' and ARGV[4] == 'parts') and 1 or 0
"""
)

FAILED = _on_record("""
land()
if not record or record.state == 'done' then return 0 end
local worker, policy, limit, untried = ARGV[3], ARGV[5], tonumber(ARGV[6]), 0
for i = 7, #ARGV do if not record.failed_at[ARGV[i]] then untried = untried + 1 end end
-- While others live that have not failed, only a worker's first failure counts: a machine without its mount is free
-- again first, and would use up the attempts of all.
local counts = (not record.failed_at[worker] or untried == 0) and 1 or 0
local over = counts == 1 and record.attempts >= limit
record.reason, record.deliveries = ARGV[4], 0
if over or policy == 'final' then redis.call('SADD', failed, name) end
if policy == 'final' or over and policy == 'try' then write('failed') return 0 end
record.attempts = record.attempts + counts
record.failed_at[worker] = 1
redis.call('SADD', sent, member)
write('queued')
return untried > 0 and 2 or 1
""")

DROP = _on_record("land() redis.call('HDEL', records, name)")

SHARE = _on_record("""
if redis.call('HSETNX', totals, 'parts', #ARGV - 2) == 0 then return 0 end
for i = 3, #ARGV do redis.call('SADD', parts, ARGV[i]) end
record = record or {attempts = 1, failed_at = {}}
record.deliveries = 0
write('shared')
return 1
""")

REDUCING = _on_record("""
redis.call('HSET', totals, 'reduced', ARGV[3], 'to_reduce', ARGV[4])
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', totals, 'furthest') or 0) then
  redis.call('HSET', totals, 'furthest', ARGV[3])
  if record and record.state == 'running' then record.deliveries = 0 write('running') end
end
redis.call('EXPIRE', totals, keep_s)
""")

EXPECT = """
local records, totals, _, missing = unpack(KEYS)
redis.call('HSET', totals, 'expected', #ARGV - 1)
for i = 2, #ARGV do
  local text = redis.call('HGET', records, ARGV[i])
  if not text or cjson.decode(text).state ~= 'done' then redis.call('SADD', missing, ARGV[i]) end
end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
return redis.call('SCARD', missing) == 0 and 1 or 0
"""

PROGRESS = """
local records, totals, recent, missing, failed, parts = unpack(KEYS)
if redis.call('EXISTS', records, totals) == 0 then return false end
local expected, errors, hopeless = redis.call('HEXISTS', totals, 'expected') == 1, {}, 0
for _, name in ipairs(redis.call('SMEMBERS', failed)) do
  local waited_for = redis.call('SISMEMBER', missing, name)
  if not expected or waited_for == 1 or name == 'reduce' and redis.call('SCARD', missing) == 0 then
    errors[#errors + 1] = name
    errors[#errors + 1] = cjson.decode(redis.call('HGET', records, name)).reason
    hopeless = hopeless + waited_for
  end
end
return {
  redis.call('HGETALL', totals), redis.call('LRANGE', recent, 0, 0), redis.call('LRANGE', recent, -1, -1),
  redis.call('SCARD', missing), hopeless, redis.call('SCARD', parts), errors,
}
"""

STRAGGLERS = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local sent, flying, took, queue = unpack(KEYS)
if redis.call('LLEN', queue) > 0 then return {} end
for _, member in ipairs(redis.call('SPOP', sent, ARGV[5])) do redis.call('ZADD', flying, 'NX', now, member) end
local times = redis.call('LRANGE', took, 0, -1)
for i = 1, #times do times[i] = tonumber(times[i]) end
table.sort(times)
local limit = tonumber(ARGV[2])
if #times > 0 then limit = math.max(tonumber(ARGV[3]), ARGV[4] * times[math.ceil(#times / 2)]) end
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', flying, '-inf', now - limit, 'LIMIT', 0, ARGV[5])) do
  -- Whoever reaches the broker can write members and records of other forms; they are left aside.
  local records, name = string.match(member, '^(.-)|(.*)$')
  local text = records and redis.pcall('HGET', records, name)
  local sound, record = pcall(cjson.decode, text)
  record = sound and type(record) == 'table' and record or nil
  local resent = record and (record.resent or 0)
  if record and (record.state == 'queued' or record.state == 'running') and resent < tonumber(ARGV[1]) then
    -- Whoever holds it is slow rather than dead, as far as anybody can know: that counts against no picture.
    record.resent, record.deliveries = resent + 1, 0
    redis.call('HSET', records, name, cjson.encode(record))
    redis.call('ZADD', flying, now, member)
    found[#found + 1] = {record.task, record.message}
  else
    redis.call('ZREM', flying, member)
  end
end
redis.call('EXPIRE', flying, ARGV[6])
return found
"""
