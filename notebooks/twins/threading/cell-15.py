class Account:
    def __init__(self, account_no, balance):
        self.account_no = account_no
        self._balance = balance
        self.lock = threading.RLock()

    def balance(self):
        return self._balance

    # Looking at the balance and lowering it are one step for every other thread.
    def draw(self, amount):
        name = threading.current_thread().name
        with self.lock:
            if self._balance >= amount:
                print(name + " withdraw successful ： " + str(amount))
                time.sleep(0.001)
                self._balance -= amount
                print("\n Balance is : " + str(self._balance))
            else:
                print(name + " withdraw failed! insufficient balance!")
