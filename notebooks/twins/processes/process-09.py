def nothing():
    pass


returns = multiprocessing.Process(target=nothing)
leaves = multiprocessing.Process(target=sys.exit, args=(3,))
terminated = multiprocessing.Process(target=time.sleep, args=(60,))
killed = multiprocessing.Process(target=time.sleep, args=(60,))

for child in (returns, leaves, terminated, killed):
    child.start()
terminated.terminate()
killed.kill()
for child in (returns, leaves, terminated, killed):
    child.join()
    print(child.exitcode)
