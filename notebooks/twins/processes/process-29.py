def another_tries(lock):
    def attempt():
        taken = lock.acquire(timeout=0.05)
        print("another thread: %s" % taken)
        if taken:
            lock.release()

    other = threading.Thread(target=attempt)
    other.start()
    other.join()


lock = threading.RLock()
lock.acquire()
print("again: %s" % lock.acquire(blocking=False))
another_tries(lock)
lock.release()
another_tries(lock)
lock.release()
another_tries(lock)
