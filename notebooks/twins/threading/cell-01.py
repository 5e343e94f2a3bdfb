# %%time
import threading


def action(count):
    for n in range(count):
        print(threading.current_thread().name + " " + str(n))


for n in range(10):
    print(threading.current_thread().name + " " + str(n))
    if n == 2:
        first = threading.Thread(target=action, args=(10,))
        first.start()
        second = threading.Thread(target=action, args=(10,))
        second.start()

print("Task Complete!")
