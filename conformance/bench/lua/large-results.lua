-- Results of one megabyte: 1,000 rows of a kilobyte.

local connection

function thread_init()
  connection = sysbench.sql.driver():connect()
end

function event()
  connection:query("SELECT id, body FROM bench_large")
end

function thread_done()
  connection:disconnect()
end
