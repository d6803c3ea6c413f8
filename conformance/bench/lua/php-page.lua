-- Connect, 20 selects by primary key (four of five ask for one of 200 hot rows), close.

local driver

function thread_init()
  driver = sysbench.sql.driver()
end

function event()
  local connection = driver:connect()
  for _ = 1, 20 do
    local range = sysbench.rand.uniform(1, 5) <= 4 and 200 or 10000
    connection:query("SELECT id, title, body FROM bench_page WHERE id = " .. sysbench.rand.uniform(1, range))
  end
  connection:disconnect()
end
