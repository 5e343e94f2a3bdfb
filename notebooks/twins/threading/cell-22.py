# %%time
with ThreadPoolExecutor(max_workers=4) as pool:
    totals = pool.map(action, (5, 10, 15))
    print("---------------")

for total in totals:
    print(total)
