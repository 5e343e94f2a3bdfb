import threading

lock = threading.Lock()
lock.acquire()
print(lock.acquire(blocking=False))
print(lock.acquire(timeout=0.1))
lock.release()
print(lock.acquire(blocking=False))
lock.release()
print(lock.locked())
