# %%time
from concurrent.futures import ThreadPoolExecutor


def action(count):
    total = 0
    for n in range(count):
        print(threading.current_thread().name + " " + str(n))
        total += n
    return total


pool = ThreadPoolExecutor(max_workers=2)
shorter = pool.submit(action, 10)
longer = pool.submit(action, 20)

print(shorter.done())
time.sleep(1)
print(longer.done())

print(shorter.result())
print(longer.result())
pool.shutdown()
