-- One row by its primary key, over and over on one connection; four of five ask for one of 200 hot rows.

local connection

function thread_init()
  connection = sysbench.sql.driver():connect()
end

function event()
  local range = sysbench.rand.uniform(1, 5) <= 4 and 200 or 10000
  connection:query("SELECT id, title, body FROM bench_page WHERE id = " .. sysbench.rand.uniform(1, range))
end

function thread_done()
  connection:disconnect()
end
