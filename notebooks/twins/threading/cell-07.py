# The loop ends at 19, so the thread is never started, neither once nor twice.
late = threading.Thread(target=action, args=(5,))
for n in range(20):
    print(threading.current_thread().name + " " + str(n))
    if n == 20:
        late.start()
        print(late.is_alive())
if n > 20 and not late.is_alive():
    late.start()
