import time

for n in range(5):
    print("Current time : %s" % time.ctime())
    ready = threading.Thread(target=action, args=(5,))
    if n == 2:
        ready.start()
    time.sleep(1)
    print(threading.current_thread().name + " " + str(n))
