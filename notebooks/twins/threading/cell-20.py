# %%time
def show_result(future):
    print(future.result())


with ThreadPoolExecutor(max_workers=2) as pool:
    shorter = pool.submit(action, 10)
    longer = pool.submit(action, 20)
    shorter.add_done_callback(show_result)
    longer.add_done_callback(show_result)
    print("-----------")
