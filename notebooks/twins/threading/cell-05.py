# `run` called directly is an ordinary call: everything happens on the main thread.
def action(count):
    for n in range(count):
        print(threading.current_thread().name + " " + str(n))


for n in range(10):
    print(threading.current_thread().name + " " + str(n))
    if n == 2:
        threading.Thread(target=action, args=(5,)).run()
        threading.Thread(target=action, args=(5,)).run()
