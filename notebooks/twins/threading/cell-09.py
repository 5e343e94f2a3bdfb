threading.Thread(target=action, args=(10,), name="New Thread").start()
for n in range(10):
    if n == 2:
        joined = threading.Thread(target=action, args=(10,), name="Joined Thread")
        joined.start()
        joined.join()
    print(threading.current_thread().name + " " + str(n))
