# %%time
class Counting(threading.Thread):
    def __init__(self):
        super().__init__()
        self.n = 0

    def run(self):
        while self.n < 5:
            print(threading.current_thread().name + " " + str(self.n))
            self.n += 1


for n in range(10):
    print(threading.current_thread().name + " " + str(n))
    if n == 2:
        first = Counting()
        first.start()
        second = Counting()
        second.start()

print("Task Finished")
